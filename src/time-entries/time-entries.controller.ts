import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import { JsonPage, JsonText } from '../core/json-text';
import { idTaken, quotaExceeded } from '../database/database-errors';
import { ApiGroup } from '../http/api-group';
import { IdParam } from '../http/id-param';
import { Problems } from '../http/problem-responses';
import { ControllerWithUserMirror } from '../http/user-mirror';
import { timerNotRunning, timerRunning } from './time-entry.problems';
import { TimeEntriesRepository } from './time-entries.repository';
import { TimeEntriesService } from './time-entries.service';
import {
  CreateTimeEntry,
  PatchTimeEntry,
  StartTimer,
  StartTimerQuery,
  TimeEntryPage,
  TimeEntryQuery,
  TimeEntryView,
} from './time-entry.dto';

@ApiGroup('Time tracking', 'Time entries of tasks, and a timer.', 7)
@ControllerWithUserMirror('tasks/:id')
export class TimeEntriesController {
  constructor(
    private readonly service: TimeEntriesService,
    private readonly entries: TimeEntriesRepository,
  ) {}

  @Get('time-entries')
  @ApiOperation({ summary: 'List the time entries of a task' })
  @ApiOkResponse({ type: TimeEntryPage, description: 'A page of time entries.' })
  list(@IdParam() id: string, @Query() query: TimeEntryQuery): Promise<JsonPage> {
    return this.entries.listOfTask(id, query);
  }

  @Post('time-entries')
  @Problems(idTaken, quotaExceeded)
  @ApiOperation({
    summary: 'Create a time entry',
    description:
      'Send `started_at` and `ended_at`, or `hours` with an optional `started_at`. Updates the `actual_hours` of the task.',
  })
  @ApiBody({ type: CreateTimeEntry, examples: { hours: { value: { hours: 1.5, note: 'Outline' } } } })
  @ApiCreatedResponse({ type: TimeEntryView, description: 'The created time entry.' })
  create(@IdParam() id: string, @Body() entry: CreateTimeEntry): Promise<JsonText> {
    return this.service.create(id, entry);
  }

  @Patch('time-entries/:entry_id')
  @Problems(timerRunning)
  @ApiOperation({
    summary: 'Update a time entry',
    description:
      'Fields that are absent keep their value. `ended_at: null` makes the entry the running timer, unless another one is ' +
      'running. Updates the `actual_hours` of the task.',
  })
  @ApiBody({ type: PatchTimeEntry, examples: { note: { value: { note: 'Outline and first page' } } } })
  @ApiOkResponse({ type: TimeEntryView, description: 'The updated time entry.' })
  update(
    @IdParam() id: string,
    @IdParam('entry_id') entryId: string,
    @Body() values: PatchTimeEntry,
  ): Promise<JsonText> {
    return this.service.update(id, entryId, values);
  }

  @Delete('time-entries/:entry_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a time entry', description: 'Updates the `actual_hours` of the task.' })
  @ApiNoContentResponse({ description: 'The time entry was deleted.' })
  delete(@IdParam() id: string, @IdParam('entry_id') entryId: string): Promise<void> {
    return this.entries.deleteOfTask(id, entryId);
  }

  @Post('timer/start')
  @Problems(timerRunning, quotaExceeded)
  @ApiOperation({
    summary: 'Start the timer of a task',
    description:
      'Creates a time entry without an end. Each user can have only one running timer: `switch=true` stops another one ' +
      'first, in the same transaction.',
  })
  @ApiBody({ type: StartTimer, required: false })
  @ApiCreatedResponse({ type: TimeEntryView, description: 'The time entry of the running timer.' })
  startTimer(
    @IdParam() id: string,
    @Body() { note = null }: StartTimer,
    @Query() { switch: stopsRunning }: StartTimerQuery,
  ): Promise<JsonText> {
    return this.entries.startTimer(id, note, stopsRunning);
  }

  @Post('timer/stop')
  @Problems(timerNotRunning)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Stop the timer of a task',
    description: 'Ends the running time entry and updates the `actual_hours` of the task.',
  })
  @ApiOkResponse({ type: TimeEntryView, description: 'The ended time entry.' })
  stopTimer(@IdParam() id: string): Promise<JsonText> {
    return this.service.stopTimer(id);
  }
}
