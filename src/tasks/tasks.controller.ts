import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Put, Query, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { VerifiedOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { IdParam } from '../http/validation';
import { Batch, BatchView } from './batch.dto';
import { BatchService } from './batch.service';
import {
  CompleteTaskQuery,
  CreateTask,
  DeleteTaskQuery,
  PatchTask,
  SubtaskQuery,
  TaskPage,
  TaskQuery,
  TaskSummary,
  TaskView,
} from './task.dto';
import { TasksService } from './tasks.service';

const created = {
  title: 'Write the first chapter',
  priority: 2,
  category: 'writing',
  tags: ['book'],
  due_date: '2026-12-31',
};
const changed = { status: 'in_progress', notes: 'The outline stands.' };

@VerifiedOnly()
@ApiTags('Tasks')
@Controller(['tasks', 'users/:user_id/tasks'])
export class TasksController {
  constructor(
    private readonly tasks: TasksService,
    private readonly batches: BatchService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List tasks', description: 'Without those in the trash, unless `trashed=true`.' })
  @ApiOkResponse({ type: TaskPage })
  page(@Query() query: TaskQuery): Promise<JsonPage> {
    return this.tasks.page(query);
  }

  @Post()
  @ApiOperation({ summary: 'Make a task' })
  @ApiBody({ type: CreateTask, examples: { task: { value: created } } })
  @ApiCreatedResponse({ type: TaskView })
  create(@Body() task: CreateTask): Promise<JsonText> {
    return this.tasks.create(task);
  }

  @Get('summary')
  @ApiOperation({ summary: 'Count tasks', description: 'Without those in the trash.' })
  @ApiOkResponse({ type: TaskSummary })
  summary(): Promise<JsonText> {
    return this.tasks.summary();
  }

  @Post('batch')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Do several things at once',
    description:
      'Up to 200 operations, in their order. `atomic`: all or nothing; the error names the operation. `partial`: each by ' +
      'itself, answered with 207 and a status for each.',
  })
  @ApiBody({
    type: Batch,
    examples: { atomic: { value: { operations: [{ op: 'create', data: created }] } } },
  })
  @ApiOkResponse({ type: BatchView, description: 'All was done.' })
  @ApiResponse({ status: 207, type: BatchView, description: 'A status for each, in `partial` mode.' })
  async batch(
    @Body() batch: Batch,
    @Req() { id }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JsonText> {
    if (batch.mode === 'atomic') return this.batches.doAll(batch);
    void reply.status(207);
    return this.batches.doEach(batch, id);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Read a task' })
  @ApiOkResponse({ type: TaskView })
  find(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.find(id);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change a task', description: 'Absent keeps, null clears.' })
  @ApiBody({ type: PatchTask, examples: { progress: { value: changed } } })
  @ApiOkResponse({ type: TaskView })
  change(
    @IdParam() id: string,
    @Body() changes: PatchTask,
    @Query() { force }: CompleteTaskQuery,
  ): Promise<JsonText> {
    return this.tasks.change(id, changes, force);
  }

  @Put(':id')
  @ApiOperation({ summary: 'Change a task', description: 'The same as PATCH: absent keeps, null clears.' })
  @ApiBody({ type: PatchTask, examples: { progress: { value: changed } } })
  @ApiOkResponse({ type: TaskView })
  put(
    @IdParam() id: string,
    @Body() changes: PatchTask,
    @Query() { force }: CompleteTaskQuery,
  ): Promise<JsonText> {
    return this.tasks.change(id, changes, force);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Move a task to the trash',
    description: 'Its subtasks go along. With `permanent=true`, they are removed for ever.',
  })
  @ApiNoContentResponse()
  remove(@IdParam() id: string, @Query() { permanent }: DeleteTaskQuery): Promise<void> {
    return this.tasks.remove(id, permanent);
  }

  @Post(':id/complete')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Complete a task',
    description: 'Its subtasks stay as they are. While a dependency is open, only with `force=true`.',
  })
  @ApiOkResponse({ type: TaskView })
  complete(@IdParam() id: string, @Query() { force }: CompleteTaskQuery): Promise<JsonText> {
    return this.tasks.complete(id, force);
  }

  @Post(':id/reopen')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Reopen a task',
    description: 'What was completed or cancelled is pending again.',
  })
  @ApiOkResponse({ type: TaskView })
  reopen(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.reopen(id);
  }

  @Post(':id/restore')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Take a task out of the trash',
    description: 'With the subtasks that went there with it.',
  })
  @ApiOkResponse({ type: TaskView })
  restore(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.restore(id);
  }

  @Get(':id/subtasks')
  @ApiOperation({ summary: 'List the subtasks of a task', description: 'Those right below it.' })
  @ApiOkResponse({ type: TaskPage })
  subtasks(@IdParam() id: string, @Query() query: SubtaskQuery): Promise<JsonPage> {
    return this.tasks.subtasksOf(id, query);
  }

  @Get(':id/dependencies')
  @ApiOperation({ summary: 'List what a task depends on' })
  @ApiOkResponse({ type: TaskPage })
  dependencies(@IdParam() id: string, @Query() query: TaskQuery): Promise<JsonPage> {
    return this.tasks.dependenciesOf(id, query);
  }

  @Put(':id/dependencies/:other_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Have a task depend on another one' })
  @ApiNoContentResponse()
  depend(@IdParam() id: string, @IdParam('other_id') other_id: string): Promise<void> {
    return this.tasks.depend(id, other_id);
  }

  @Delete(':id/dependencies/:other_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Have a task not depend on another one any more' })
  @ApiNoContentResponse()
  undepend(@IdParam() id: string, @IdParam('other_id') other_id: string): Promise<void> {
    return this.tasks.undepend(id, other_id);
  }
}
