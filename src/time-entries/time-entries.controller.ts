import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { VerifiedOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { IdParam } from '../http/validation';
import { TimeEntriesService } from './time-entries.service';
import { CreateTimeEntry, StartTimer, TimeEntryPage, TimeEntryQuery, TimeEntryView } from './time-entry.dto';

@VerifiedOnly()
@ApiTags('Time')
@Controller(['tasks/:id', 'users/:user_id/tasks/:id'])
export class TimeEntriesController {
  constructor(private readonly entries: TimeEntriesService) {}

  @Get('time-entries')
  @ApiOperation({ summary: 'List when a task was worked on' })
  @ApiOkResponse({ type: TimeEntryPage })
  page(@IdParam() id: string, @Query() query: TimeEntryQuery): Promise<JsonPage> {
    return this.entries.page(id, query);
  }

  @Post('time-entries')
  @ApiOperation({
    summary: 'Say when a task was worked on',
    description: 'By `started_at` and `ended_at`, or by `hours`. The task’s `actual_hours` follows.',
  })
  @ApiBody({ type: CreateTimeEntry, examples: { hours: { value: { hours: 1.5, note: 'Outline' } } } })
  @ApiCreatedResponse({ type: TimeEntryView })
  add(@IdParam() id: string, @Body() entry: CreateTimeEntry): Promise<JsonText> {
    return this.entries.add(id, entry);
  }

  @Delete('time-entries/:entry_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove a time entry' })
  @ApiNoContentResponse()
  remove(@IdParam() id: string, @IdParam('entry_id') entry_id: string): Promise<void> {
    return this.entries.remove(id, entry_id);
  }

  @Post('timer/start')
  @ApiOperation({ summary: 'Start the timer', description: 'One runs at a time.' })
  @ApiBody({ type: StartTimer, required: false })
  @ApiCreatedResponse({ type: TimeEntryView })
  start(@IdParam() id: string, @Body() timer: StartTimer): Promise<JsonText> {
    return this.entries.start(id, timer);
  }

  @Post('timer/stop')
  @HttpCode(200)
  @ApiOperation({ summary: 'Stop the timer', description: 'The task’s `actual_hours` follows.' })
  @ApiOkResponse({ type: TimeEntryView })
  stop(@IdParam() id: string): Promise<JsonText> {
    return this.entries.stop(id);
  }
}
