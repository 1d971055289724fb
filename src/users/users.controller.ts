import { Body, Controller, Delete, Get, HttpCode, Patch } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { SessionOnly } from '../http/access';
import { JsonText } from '../core/json-text';
import { DeleteUser, PatchUser, UserView } from './user.dto';
import { UsersService } from './users.service';

@ApiTags('Users')
@Controller('users/me')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @ApiOperation({ summary: 'Get the account of the current user' })
  @ApiOkResponse({ type: UserView, description: 'The account.' })
  find(): Promise<JsonText> {
    return this.users.find();
  }

  @Patch()
  @ApiOperation({
    summary: 'Update the account of the current user',
    description:
      'Fields that are absent keep their value. Null clears a field. Changing the email address requires a session and `current_password`, revokes all other sessions, and the new address must be verified again.',
  })
  @ApiBody({
    type: PatchUser,
    examples: { timezone: { value: { full_name: 'You', timezone: 'Europe/Paris' } } },
  })
  @ApiOkResponse({ type: UserView, description: 'The updated account.' })
  change(@Body() changes: PatchUser): Promise<JsonText> {
    return this.users.change(changes);
  }

  @SessionOnly()
  @Delete()
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete the account of the current user',
    description: 'Permanently deletes the account and all its data.',
  })
  @ApiBody({ type: DeleteUser })
  @ApiNoContentResponse({ description: 'The account was deleted.' })
  remove(@Body() { password }: DeleteUser): Promise<void> {
    return this.users.remove(password);
  }
}
