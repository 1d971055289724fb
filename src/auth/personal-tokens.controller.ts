import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import { ApiGroup } from '../http/api-group';
import { AllowUnverified, SessionOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { quotaExceeded } from '../database/database-errors';
import { OwnTransactions } from '../http/own-transactions';
import { IdParam } from '../http/id-param';
import { Problems } from '../http/problem-responses';
import {
  CreatePersonalToken,
  NewPersonalToken,
  PersonalTokenPage,
  PersonalTokenQuery,
} from './personal-token.dto';
import { PersonalTokensService } from './personal-tokens.service';
import { PersonalTokensRepository } from './personal-tokens.repository';

@AllowUnverified()
@SessionOnly()
@ApiGroup('Personal access tokens', 'Long-lived tokens for scripts and other programs.', 21)
@OwnTransactions()
@Controller('auth/tokens')
export class PersonalTokensController {
  constructor(
    private readonly service: PersonalTokensService,
    private readonly tokens: PersonalTokensRepository,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'List the personal access tokens of the current user',
    description: 'Does not include the tokens themselves, because only their hashes are stored.',
  })
  @ApiOkResponse({ type: PersonalTokenPage, description: 'A page of personal access tokens.' })
  list(@Query() query: PersonalTokenQuery): Promise<JsonPage> {
    return this.tokens.page(query);
  }

  @Post()
  @Problems(quotaExceeded)
  @ApiOperation({
    summary: 'Create a personal access token',
    description:
      'For scripts and other programs. A personal access token is accepted everywhere except by operations that require a session, such as changing the password.',
  })
  @ApiBody({
    type: CreatePersonalToken,
    examples: { script: { value: { name: 'Backup script', scopes: ['read'] } } },
  })
  @ApiCreatedResponse({ type: NewPersonalToken, description: 'The created personal access token.' })
  create(@Body() token: CreatePersonalToken): Promise<JsonText> {
    return this.service.create(token);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Revoke a personal access token',
    description: 'The token stops working immediately.',
  })
  @ApiNoContentResponse({ description: 'The personal access token was revoked.' })
  revoke(@IdParam() id: string): Promise<void> {
    return this.service.revoke(id);
  }
}
