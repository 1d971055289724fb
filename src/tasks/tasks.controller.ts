import { Body, Delete, Get, HttpCode, Patch, Post, Put, Query, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BatchService } from '../batch/batch.service';
import { PostBatch } from '../batch/post-batch';
import { JsonPage, JsonText } from '../core/json-text';
import { ancestorCycle, idTaken, quotaExceeded } from '../database/database-errors';
import { ApiGroup } from '../http/api-group';
import { IdParam } from '../http/id-param';
import { Problems } from '../http/problem-responses';
import { ControllerWithUserMirror } from '../http/user-mirror';
import { hoursCounted } from '../time-entries/time-entry.problems';
import { DeleteTaskQuery, ForceQuery, GetTaskQuery, SubtaskQuery, TaskQuery } from './task-query.dto';
import { TaskBatch, taskBatch, TaskBatchResults } from './task-batch.dto';
import { CreateTask, PatchTask, TaskPage, TaskSummary, TaskView } from './task.dto';
import { dependencyCycle, dependencyOpen, parentTrashed, tooDeep } from './task.problems';
import { TaskDependenciesRepository } from './task-dependencies.repository';
import { TasksRepository } from './tasks.repository';
import { TasksService } from './tasks.service';

const created = {
  title: 'Write the first chapter',
  priority: 2,
  category: 'writing',
  tags: ['book'],
  due_date: '2026-12-31',
};
const changed = { status: 'in_progress', notes: 'The outline is done.' };

@ApiGroup('Tasks', 'Create, list, update and complete tasks, with subtasks, dependencies and a trash.', 3)
@ControllerWithUserMirror('tasks')
export class TasksController {
  constructor(
    private readonly service: TasksService,
    private readonly tasks: TasksRepository,
    private readonly dependencies: TaskDependenciesRepository,
    private readonly batches: BatchService,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'List tasks',
    description: 'Excludes tasks in the trash. `trashed=true` lists only those.',
  })
  @ApiOkResponse({ type: TaskPage, description: 'A page of tasks.' })
  list(@Query() query: TaskQuery): Promise<JsonPage> {
    return this.tasks.page(query);
  }

  @Post()
  @Problems(404, tooDeep, idTaken, quotaExceeded)
  @ApiOperation({ summary: 'Create a task' })
  @ApiBody({ type: CreateTask, examples: { task: { value: created } } })
  @ApiCreatedResponse({ type: TaskView, description: 'The created task.' })
  create(@Body() task: CreateTask): Promise<JsonText> {
    return this.service.create(task);
  }

  @Get('summary')
  @ApiOperation({
    summary: 'Get a summary of the tasks',
    description:
      'Number of tasks by status, priority and category, and of overdue tasks. Tasks in the trash are not counted.',
  })
  @ApiOkResponse({ type: TaskSummary, description: 'The summary.' })
  getTaskSummary(): Promise<JsonText> {
    return this.tasks.summary();
  }

  @PostBatch({
    name: 'task',
    Body: TaskBatch,
    Results: TaskBatchResults,
    example: created,
    problems: [ancestorCycle, tooDeep, parentTrashed, dependencyOpen, hoursCounted, idTaken, quotaExceeded],
  })
  async runTaskBatch(
    @Body() batch: TaskBatch,
    @Req() { id }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JsonText> {
    const resource = { ...taskBatch, path: 'tasks', service: this.service, rows: this.tasks };
    const { status, body } = await this.batches.run(resource, batch, id);
    void reply.status(status);
    return body;
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get a task' })
  @ApiOkResponse({ type: TaskView, description: 'The task.' })
  get(@IdParam() id: string, @Query() { fields }: GetTaskQuery): Promise<JsonText> {
    return this.tasks.find(id, { fields });
  }

  @Patch(':id')
  @Problems(ancestorCycle, tooDeep, dependencyOpen, hoursCounted, quotaExceeded)
  @ApiOperation({
    summary: 'Update a task',
    description: 'Fields that are absent keep their value. Null clears a field.',
  })
  @ApiBody({ type: PatchTask, examples: { progress: { value: changed } } })
  @ApiOkResponse({ type: TaskView, description: 'The updated task.' })
  update(
    @IdParam() id: string,
    @Body() values: PatchTask,
    @Query() { force }: ForceQuery,
  ): Promise<JsonText> {
    return this.service.update(id, values, force);
  }

  @Put(':id')
  @Problems(ancestorCycle, tooDeep, dependencyOpen, hoursCounted, quotaExceeded)
  @ApiOperation({
    summary: 'Update a task (alias of PATCH)',
    description:
      'For older clients. Does the same as PATCH, which new clients should use: fields that are absent keep their value, and ' +
      'null clears a field. The task is not replaced.',
  })
  @ApiBody({ type: PatchTask, examples: { progress: { value: changed } } })
  @ApiOkResponse({ type: TaskView, description: 'The updated task.' })
  put(@IdParam() id: string, @Body() values: PatchTask, @Query() { force }: ForceQuery): Promise<JsonText> {
    return this.service.update(id, values, force);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Move a task to the trash',
    description:
      'Its subtasks are moved with it. With `permanent=true`, the task and its subtasks are deleted permanently.',
  })
  @ApiNoContentResponse({ description: 'The task was moved to the trash or deleted.' })
  delete(@IdParam() id: string, @Query() { permanent }: DeleteTaskQuery): Promise<void> {
    return this.service.delete(id, permanent);
  }

  @Post(':id/complete')
  @Problems(dependencyOpen)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Complete a task',
    description:
      'Does not change its subtasks. A task that depends on an open task can be completed only with `force=true`.',
  })
  @ApiOkResponse({ type: TaskView, description: 'The completed task.' })
  complete(@IdParam() id: string, @Query() { force }: ForceQuery): Promise<JsonText> {
    return this.service.complete(id, force);
  }

  @Post(':id/reopen')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Reopen a task',
    description: 'Sets a completed or cancelled task to `pending`. Other tasks stay unchanged.',
  })
  @ApiOkResponse({ type: TaskView, description: 'The reopened task.' })
  reopen(@IdParam() id: string): Promise<JsonText> {
    return this.service.reopen(id);
  }

  @Post(':id/restore')
  @Problems(parentTrashed)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Restore a task from the trash',
    description: 'Also restores the subtasks that were moved to the trash together with it.',
  })
  @ApiOkResponse({ type: TaskView, description: 'The restored task.' })
  restore(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.restore(id);
  }

  @Get(':id/subtasks')
  @ApiOperation({ summary: 'List the subtasks of a task', description: 'Only direct subtasks.' })
  @ApiOkResponse({ type: TaskPage, description: 'A page of subtasks.' })
  listSubtasks(@IdParam() id: string, @Query() query: SubtaskQuery): Promise<JsonPage> {
    return this.tasks.subtasksOf(id, query);
  }

  @Get(':id/dependencies')
  @ApiOperation({ summary: 'List the tasks that a task depends on' })
  @ApiOkResponse({ type: TaskPage, description: 'A page of tasks.' })
  listTaskDependencies(@IdParam() id: string, @Query() query: TaskQuery): Promise<JsonPage> {
    return this.tasks.dependenciesOf(id, query);
  }

  @Put(':id/dependencies/:other_id')
  @Problems(dependencyCycle, quotaExceeded)
  @HttpCode(204)
  @ApiOperation({ summary: 'Add a dependency to a task' })
  @ApiNoContentResponse({ description: 'The dependency was added or existed already.' })
  addTaskDependency(@IdParam() id: string, @IdParam('other_id') otherId: string): Promise<void> {
    return this.dependencies.add(id, otherId);
  }

  @Delete(':id/dependencies/:other_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a dependency of a task' })
  @ApiNoContentResponse({ description: 'The dependency was deleted.' })
  deleteTaskDependency(@IdParam() id: string, @IdParam('other_id') otherId: string): Promise<void> {
    return this.dependencies.remove(id, otherId);
  }
}
