import { Body, Controller, Delete, Get, HttpCode, Patch } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AllowUnverified, SessionOnly } from '../http/access';
import { JsonText } from '../core/json-text';
import { sessionRequired, wrongPassword } from '../auth/auth.problems';
import { Problems } from '../http/problem-responses';
import { DeleteUser, PatchUser, UserView } from './user.dto';
import { emailTaken, usernameTaken } from './user.problems';
import { UsersService } from './users.service';

@AllowUnverified()
@ApiTags('Users')
@Controller('users/me')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @ApiOperation({ summary: 'Get the account of the current user' })
  @ApiOkResponse({ type: UserView, description: 'The account.' })
  get(): Promise<JsonText> {
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
  update(@Body() values: PatchUser): Promise<JsonText> {
    return this.users.update(values);
  }

  @SessionOnly()
  @Delete()
  @Problems(wrongPassword)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete the account of the current user',
    description: 'Permanently deletes the account and all its data.',
  })
  @ApiBody({ type: DeleteUser })
  @ApiNoContentResponse({ description: 'The account was deleted.' })
  delete(@Body() { password }: DeleteUser): Promise<void> {
    return this.users.delete(password);
  }
}
