import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { SessionOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { IdParam } from '../http/validation';
import {
  CreatePersonalToken,
  NewPersonalToken,
  PersonalTokenPage,
  PersonalTokenQuery,
} from './personal-token.dto';
import { PersonalTokens } from './personal-tokens';
import { PersonalTokensRepository } from './personal-tokens.repository';

@SessionOnly()
@ApiTags('Personal tokens')
@Controller('auth/tokens')
export class PersonalTokensController {
  constructor(
    private readonly repository: PersonalTokensRepository,
    private readonly tokens: PersonalTokens,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List your personal tokens', description: 'The tokens themselves are not kept.' })
  @ApiOkResponse({ type: PersonalTokenPage })
  page(@Query() query: PersonalTokenQuery): Promise<JsonPage> {
    return this.repository.page(query);
  }

  @Post()
  @ApiOperation({
    summary: 'Make a personal token',
    description:
      'For programs of yours. It serves wherever a session does, but not for the account’s security.',
  })
  @ApiBody({
    type: CreatePersonalToken,
    examples: { script: { value: { name: 'Backup script', scopes: ['read'] } } },
  })
  @ApiCreatedResponse({ type: NewPersonalToken })
  create(@Body() token: CreatePersonalToken): Promise<JsonText> {
    return this.tokens.create(token);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke a personal token', description: 'It ends at once.' })
  @ApiNoContentResponse()
  revoke(@IdParam() id: string): Promise<void> {
    return this.repository.remove(id);
  }
}
