import { Body, Controller, Delete, Get, HttpCode, Patch, Query } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Administrators, SessionOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { IdParam } from '../http/validation';
import { UserView } from '../users/user.dto';
import { DeleteAccount, PatchAccount, UserPage, UserQuery } from './administration.dto';
import { AdministrationService } from './administration.service';

@Administrators()
@ApiTags('Accounts')
@Controller('users')
export class AdministrationController {
  constructor(private readonly administration: AdministrationService) {}

  @Get()
  @ApiOperation({ summary: 'List all accounts', description: 'For superusers.' })
  @ApiOkResponse({ type: UserPage })
  page(@Query() query: UserQuery): Promise<JsonPage> {
    return this.administration.page(query);
  }

  @Get(':user_id')
  @ApiOperation({ summary: 'Read an account', description: 'Your own; for superusers, any.' })
  @ApiOkResponse({ type: UserView })
  find(@IdParam('user_id') id: string): Promise<JsonText> {
    return this.administration.find(id);
  }

  @Patch(':user_id')
  @ApiOperation({
    summary: 'Change an account',
    description:
      'Your own, as PATCH /users/me. For superusers, another’s: `is_active` and `is_superuser`, and nothing else.',
  })
  @ApiBody({ type: PatchAccount, examples: { own: { value: { timezone: 'Europe/Paris' } } } })
  @ApiOkResponse({ type: UserView })
  change(@IdParam('user_id') id: string, @Body() changes: PatchAccount): Promise<JsonText> {
    return this.administration.change(id, changes);
  }

  @SessionOnly()
  @Delete(':user_id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Remove an account',
    description: 'Your own, with the password; for superusers, any. Everything goes with it, for ever.',
  })
  @ApiBody({ type: DeleteAccount, required: false })
  @ApiNoContentResponse()
  remove(@IdParam('user_id') id: string, @Body() body: DeleteAccount): Promise<void> {
    return this.administration.remove(id, body);
  }

  @SessionOnly()
  @Delete(':user_id/sessions')
  @HttpCode(204)
  @ApiOperation({
    summary: 'End the sessions of an account',
    description: 'For superusers. Of your own account, all others.',
  })
  @ApiNoContentResponse()
  revokeSessions(@IdParam('user_id') id: string): Promise<void> {
    return this.administration.revokeSessions(id);
  }
}
