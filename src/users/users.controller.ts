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
  @ApiOperation({ summary: 'Read your account' })
  @ApiOkResponse({ type: UserView })
  find(): Promise<JsonText> {
    return this.users.find();
  }

  @Patch()
  @ApiOperation({
    summary: 'Change your account',
    description:
      'Absent keeps, null clears. Another email wants `current_password`, is to be verified anew, and ends all other sessions.',
  })
  @ApiBody({
    type: PatchUser,
    examples: { timezone: { value: { full_name: 'You', timezone: 'Europe/Paris' } } },
  })
  @ApiOkResponse({ type: UserView })
  change(@Body() changes: PatchUser): Promise<JsonText> {
    return this.users.change(changes);
  }

  @SessionOnly()
  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove your account', description: 'Everything goes with it, for ever.' })
  @ApiBody({ type: DeleteUser })
  @ApiNoContentResponse()
  remove(@Body() { password }: DeleteUser): Promise<void> {
    return this.users.remove(password);
  }
}
