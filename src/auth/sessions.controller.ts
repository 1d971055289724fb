import { Controller, Delete, Get, HttpCode, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ApiGroup } from '../http/api-group';
import { OwnTransactions } from '../http/own-transactions';
import { AllowUnverified, SessionOnly } from '../http/access';
import { JsonPage } from '../core/json-text';
import { IdParam } from '../http/id-param';
import { SessionPage, SessionQuery } from './session.dto';
import { SessionsRepository } from './sessions.repository';

@AllowUnverified()
@SessionOnly()
@ApiGroup('Sessions', "The user's sessions: one for each sign-in.", 20)
@OwnTransactions()
@Controller('auth/sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsRepository) {}

  @Get()
  @ApiOperation({
    summary: 'List the sessions of the current user',
    description: 'Only active sessions, not those that have expired or were revoked.',
  })
  @ApiOkResponse({ type: SessionPage, description: 'A page of sessions.' })
  list(@Query() query: SessionQuery): Promise<JsonPage> {
    return this.sessions.page({ ...query, alive: true });
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke a session' })
  @ApiNoContentResponse({ description: 'The session was revoked.' })
  revoke(@IdParam() id: string): Promise<void> {
    return this.sessions.revoke(id);
  }

  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke all other sessions' })
  @ApiNoContentResponse({ description: 'The other sessions were revoked.' })
  revokeOtherSessions(): Promise<void> {
    return this.sessions.revokeOthers();
  }
}
