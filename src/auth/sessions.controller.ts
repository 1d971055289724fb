import { Controller, Delete, Get, HttpCode, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { SessionOnly } from '../http/access';
import { JsonPage } from '../core/json-text';
import { IdParam } from '../http/validation';
import { SessionPage, SessionQuery } from './session.dto';
import { SessionsRepository } from './sessions.repository';

@SessionOnly()
@ApiTags('Sessions')
@Controller('auth/sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsRepository) {}

  @Get()
  @ApiOperation({ summary: 'List the sessions that are alive' })
  @ApiOkResponse({ type: SessionPage })
  page(@Query() query: SessionQuery): Promise<JsonPage> {
    return this.sessions.page({ ...query, alive: true });
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a session' })
  @ApiNoContentResponse()
  revoke(@IdParam() id: string): Promise<void> {
    return this.sessions.revoke(id);
  }

  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'End all other sessions' })
  @ApiNoContentResponse()
  revokeOthers(): Promise<void> {
    return this.sessions.revokeOthers();
  }
}
