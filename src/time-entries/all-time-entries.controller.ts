import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { JsonPage, JsonText } from '../core/json-text';
import { TimeEntriesRepository } from './time-entries.repository';
import { TimeEntriesService } from './time-entries.service';
import { AllTimeEntries, AllTimeEntriesQuery, TimeEntryView } from './time-entry.dto';

@ApiTags('Time tracking')
@Controller()
export class AllTimeEntriesController {
  constructor(
    private readonly service: TimeEntriesService,
    private readonly entries: TimeEntriesRepository,
  ) {}

  @Get('time-entries')
  @ApiOperation({
    summary: 'List the time entries of all tasks',
    description:
      'Includes entries of tasks in the trash. `include=totals` adds the hours by day and by task.',
  })
  @ApiOkResponse({ type: AllTimeEntries, description: 'A page of time entries.' })
  list(@Query() query: AllTimeEntriesQuery): Promise<JsonPage> {
    return this.service.listAll(query);
  }

  @Get('timer')
  @ApiOperation({
    summary: 'Get the running timer',
    description: 'The time entry without an end. 204 if no timer is running, which is not an error.',
  })
  @ApiOkResponse({ type: TimeEntryView, description: 'The time entry of the running timer.' })
  @ApiNoContentResponse({ description: 'No timer is running.' })
  async getTimer(@Res({ passthrough: true }) reply: FastifyReply): Promise<JsonText | undefined> {
    const entry = await this.entries.findRunning();
    if (!entry) void reply.status(204);
    return entry;
  }
}
