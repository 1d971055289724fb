import { Body, Controller, Delete, Get, HttpCode, Patch, Query } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ApiGroup } from '../http/api-group';
import { OwnTransactions } from '../http/own-transactions';
import { AllowUnverified, SessionOnly, SuperuserOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { IdParam } from '../http/id-param';
import { wrongPassword } from '../auth/auth.problems';
import { Problems } from '../http/problem-responses';
import { UserView } from '../users/user.dto';
import { emailTaken, usernameTaken } from '../users/user.problems';
import { DeleteAccount, PatchAccount, UserPage, UserQuery } from './administration.dto';
import { notSuperuser } from './administration.problems';
import { AdministrationRepository } from './administration.repository';
import { AdministrationService } from './administration.service';

@AllowUnverified()
@SuperuserOnly()
@ApiGroup(
  'Administration',
  'Superusers manage all accounts. Users can call most of these operations for their own account.',
  22,
)
@OwnTransactions()
@Controller('users')
export class AdministrationController {
  constructor(
    private readonly administration: AdministrationService,
    private readonly accounts: AdministrationRepository,
  ) {}

  @Get()
  @Problems(notSuperuser)
  @ApiOperation({ summary: 'List all accounts', description: 'Requires superuser rights.' })
  @ApiOkResponse({ type: UserPage, description: 'A page of accounts.' })
  listAccounts(@Query() query: UserQuery): Promise<JsonPage> {
    return this.accounts.page(query);
  }

  @Get(':user_id')
  @Problems(notSuperuser)
  @ApiOperation({
    summary: 'Get an account',
    description: 'Your own account. Superusers can get any account.',
  })
  @ApiOkResponse({ type: UserView, description: 'The account.' })
  getAccount(@IdParam('user_id') id: string): Promise<JsonText> {
    return this.administration.get(id);
  }

  @Patch(':user_id')
  @Problems(notSuperuser, emailTaken, usernameTaken, wrongPassword)
  @ApiOperation({
    summary: 'Update an account',
    description:
      "For your own account, the same as `PATCH /users/me`. Superusers can update only `is_active` and `is_superuser` of another user's account.",
  })
  @ApiBody({
    type: PatchAccount,
    examples: {
      other: { value: { is_active: true }, summary: 'The account of another user, as a superuser' },
      own: { value: { timezone: 'Europe/Paris' }, summary: 'Your own account' },
    },
  })
  @ApiOkResponse({ type: UserView, description: 'The updated account.' })
  updateAccount(@IdParam('user_id') id: string, @Body() values: PatchAccount): Promise<JsonText> {
    return this.administration.update(id, values);
  }

  @SessionOnly()
  @Delete(':user_id')
  @Problems(notSuperuser, wrongPassword)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete an account',
    description:
      'For your own account, the same as `DELETE /users/me`. Superusers can close any account. Only a superuser can reopen it, with `PATCH /users/{user_id}` and `is_active`.',
  })
  @ApiBody({ type: DeleteAccount, required: false })
  @ApiNoContentResponse({ description: 'The account was closed.' })
  deleteAccount(@IdParam('user_id') id: string, @Body() body: DeleteAccount): Promise<void> {
    return this.administration.delete(id, body);
  }

  @SessionOnly()
  @Delete(':user_id/sessions')
  @Problems(notSuperuser)
  @HttpCode(204)
  @ApiOperation({
    summary: 'Revoke the sessions of an account',
    description:
      'For your own account, revokes all sessions except the current one. Superusers can revoke the sessions of any account.',
  })
  @ApiNoContentResponse({ description: 'The sessions were revoked.' })
  revokeAccountSessions(@IdParam('user_id') id: string): Promise<void> {
    return this.administration.revokeSessions(id);
  }
}
