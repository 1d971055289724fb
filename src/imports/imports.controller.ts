import { Controller, Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { JsonText } from '../core/json-text';
import { StreamedBody } from '../http/json-body';
import { OwnTransactions } from '../http/own-transactions';
import { Problems } from '../http/problem-responses';
import { ImportQuery, ImportView } from './import.dto';
import { importRunning } from './import.problems';
import { ImportsRepository } from './imports.repository';
import { ImportsService } from './imports.service';

const example = { tasks: [{ id: '01890a5d-ac96-774b-bcce-b302099a8057', title: 'Write the first chapter' }] };

@ApiTags('Account')
@Controller('users/me/import')
export class ImportsController {
  constructor(
    private readonly service: ImportsService,
    private readonly imports: ImportsRepository,
  ) {}

  @Post()
  @HttpCode(202)
  @StreamedBody()
  @OwnTransactions()
  @Problems(importRunning)
  @ApiOperation({
    summary: 'Import data of the current user',
    description:
      'Imports a document as `GET /users/me/export` returns it, in the background. Goals, tasks, tags, time entries, ' +
      'dependencies and their history are created with their ids, timestamps and versions. What exists in the account ' +
      'stays as it is. Everything is imported, or nothing. `user`, `sessions` and `tokens` are ignored.',
  })
  @ApiBody({
    description: 'An export, or a document with a part of its members.',
    schema: { type: 'object', additionalProperties: true },
    examples: { task: { value: example } },
  })
  @ApiAcceptedResponse({ type: ImportView, description: 'The import, which has not begun yet.' })
  start(@Req() request: FastifyRequest, @Query() query: ImportQuery): Promise<JsonText> {
    return this.service.start(request, query.validate_only);
  }

  @Get()
  @Problems(404)
  @ApiOperation({ summary: 'Get the last import of the current user' })
  @ApiOkResponse({ type: ImportView, description: 'The import.' })
  get(): Promise<JsonText> {
    return this.imports.last();
  }
}
