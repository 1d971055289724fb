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
@ApiTags('Time tracking')
@Controller(['tasks/:id', 'users/:user_id/tasks/:id'])
export class TimeEntriesController {
  constructor(private readonly entries: TimeEntriesService) {}

  @Get('time-entries')
  @ApiOperation({ summary: 'List the time entries of a task' })
  @ApiOkResponse({ type: TimeEntryPage, description: 'A page of time entries.' })
  page(@IdParam() id: string, @Query() query: TimeEntryQuery): Promise<JsonPage> {
    return this.entries.page(id, query);
  }

  @Post('time-entries')
  @ApiOperation({
    summary: 'Create a time entry',
    description:
      'Takes either `started_at` and `ended_at`, or `hours` with an optional `started_at`. Updates the `actual_hours` of the task.',
  })
  @ApiBody({ type: CreateTimeEntry, examples: { hours: { value: { hours: 1.5, note: 'Outline' } } } })
  @ApiCreatedResponse({ type: TimeEntryView, description: 'The created time entry.' })
  add(@IdParam() id: string, @Body() entry: CreateTimeEntry): Promise<JsonText> {
    return this.entries.add(id, entry);
  }

  @Delete('time-entries/:entry_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a time entry', description: 'Updates the `actual_hours` of the task.' })
  @ApiNoContentResponse({ description: 'The time entry was deleted.' })
  remove(@IdParam() id: string, @IdParam('entry_id') entry_id: string): Promise<void> {
    return this.entries.remove(id, entry_id);
  }

  @Post('timer/start')
  @ApiOperation({
    summary: 'Start the timer of a task',
    description: 'Creates a time entry without an end. Each user can have only one running timer.',
  })
  @ApiBody({ type: StartTimer, required: false })
  @ApiCreatedResponse({ type: TimeEntryView, description: 'The time entry of the running timer.' })
  start(@IdParam() id: string, @Body() timer: StartTimer): Promise<JsonText> {
    return this.entries.start(id, timer);
  }

  @Post('timer/stop')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Stop the timer of a task',
    description: 'Ends the running time entry and updates the `actual_hours` of the task.',
  })
  @ApiOkResponse({ type: TimeEntryView, description: 'The ended time entry.' })
  stop(@IdParam() id: string): Promise<JsonText> {
    return this.entries.stop(id);
  }
}
