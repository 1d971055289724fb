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
  @ApiOperation({ summary: 'List all accounts', description: 'Requires superuser rights.' })
  @ApiOkResponse({ type: UserPage, description: 'A page of accounts.' })
  page(@Query() query: UserQuery): Promise<JsonPage> {
    return this.administration.page(query);
  }

  @Get(':user_id')
  @ApiOperation({
    summary: 'Get an account',
    description: 'Your own account. Superusers can get any account.',
  })
  @ApiOkResponse({ type: UserView, description: 'The account.' })
  find(@IdParam('user_id') id: string): Promise<JsonText> {
    return this.administration.find(id);
  }

  @Patch(':user_id')
  @ApiOperation({
    summary: 'Update an account',
    description:
      "For your own account, the same as `PATCH /users/me`. Superusers can update only `is_active` and `is_superuser` of another user's account.",
  })
  @ApiBody({ type: PatchAccount, examples: { own: { value: { timezone: 'Europe/Paris' } } } })
  @ApiOkResponse({ type: UserView, description: 'The updated account.' })
  change(@IdParam('user_id') id: string, @Body() changes: PatchAccount): Promise<JsonText> {
    return this.administration.change(id, changes);
  }

  @SessionOnly()
  @Delete(':user_id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete an account',
    description:
      'Permanently deletes the account and all its data. Your own account requires the password. Superusers can delete any account.',
  })
  @ApiBody({ type: DeleteAccount, required: false })
  @ApiNoContentResponse({ description: 'The account was deleted.' })
  remove(@IdParam('user_id') id: string, @Body() body: DeleteAccount): Promise<void> {
    return this.administration.remove(id, body);
  }

  @SessionOnly()
  @Delete(':user_id/sessions')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Revoke the sessions of an account',
    description:
      'For your own account, revokes all sessions except the current one. Superusers can revoke the sessions of any account.',
  })
  @ApiNoContentResponse({ description: 'The sessions were revoked.' })
  revokeSessions(@IdParam('user_id') id: string): Promise<void> {
    return this.administration.revokeSessions(id);
  }
}
