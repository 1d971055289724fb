import { Body, Controller, Delete, Get, HttpCode, Patch, Post } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ApiGroup } from '../http/api-group';
import { AllowUnverified, SessionOnly } from '../http/access';
import { JsonText } from '../core/json-text';
import { wrongPassword } from '../auth/auth.problems';
import { sessionRequired } from '../http/access-problems';
import { OwnTransactions } from '../http/own-transactions';
import { Problems } from '../http/problem-responses';
import { DeactivateUser, DeleteUser, PatchUser, UserView } from './user.dto';
import { emailTaken, usernameTaken } from './user.problems';
import { UsersService } from './users.service';

@AllowUnverified()
@ApiGroup('Account', 'The account of the current user: profile, export and deletion.', 2)
@OwnTransactions()
@Controller('users/me')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @ApiOperation({
    summary: 'Get the account of the current user',
    description: 'Also available to users whose email address is not verified.',
  })
  @ApiOkResponse({ type: UserView, description: 'The account.' })
  getCurrentUser(): Promise<JsonText> {
    return this.users.get();
  }

  @Patch()
  @Problems(emailTaken, usernameTaken, wrongPassword, sessionRequired)
  @ApiOperation({
    summary: 'Update the account of the current user',
    description:
      'Fields that are absent keep their value. Null clears a field. Changing the email address requires a session and `current_password`. It revokes all other sessions. The new address must be verified.',
  })
  @ApiBody({
    type: PatchUser,
    examples: { timezone: { value: { full_name: 'You', timezone: 'Europe/Paris' } } },
  })
  @ApiOkResponse({ type: UserView, description: 'The updated account.' })
  updateCurrentUser(@Body() values: PatchUser): Promise<JsonText> {
    return this.users.update(values);
  }

  @SessionOnly()
  @Delete()
  @Problems(wrongPassword)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete the account of the current user',
    description:
      'Closes the account immediately: sessions and tokens are revoked, and signing in is not possible. The account and all its data are deleted after 30 days, unless the operator configured another period. Until then, the user can reopen the account with the token from an email (`POST /auth/account/reopen`), and the email address and the username remain taken. With `immediately`, the data is deleted without this period.',
  })
  @ApiBody({ type: DeleteUser })
  @ApiNoContentResponse({ description: 'The account was closed.' })
  deleteCurrentUser(@Body() { password, immediately }: DeleteUser): Promise<void> {
    return this.users.delete(password, immediately);
  }

  @SessionOnly()
  @Post('deactivate')
  @Problems(wrongPassword)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Deactivate the account of the current user',
    description:
      'Revokes all sessions and tokens. The account and its data are kept. Signing in activates the account again.',
  })
  @ApiBody({ type: DeactivateUser })
  @ApiNoContentResponse({ description: 'The account was deactivated.' })
  deactivateCurrentUser(@Body() { password }: DeactivateUser): Promise<void> {
    return this.users.deactivate(password);
  }
}
