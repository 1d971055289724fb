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
import { TaskPage } from '../tasks/task.dto';
import { GoalBreakdown } from './breakdown.dto';
import { GoalBatch, goalBatch, GoalBatchResults } from './goal-batch.dto';
import { DeleteGoalQuery, GetGoalQuery, GoalQuery, GoalTaskQuery } from './goal-query.dto';
import { CreateGoal, GoalPage, GoalSummary, GoalView, PatchGoal } from './goal.dto';
import { GoalsRepository } from './goals.repository';
import { GoalsService } from './goals.service';

const created = {
  title: 'Publish a book',
  horizon: 'yearly',
  target_date: '2027-06-30',
  metrics: { chapters: 12 },
};
const changed = { status: 'on_hold', progress: 40 };

@ApiGroup('Goals', 'Goals with subgoals. Their progress follows from their tasks, or is set manually.', 4)
@ControllerWithUserMirror('goals')
export class GoalsController {
  constructor(
    private readonly service: GoalsService,
    private readonly goals: GoalsRepository,
    private readonly batches: BatchService,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'List goals',
    description: 'Excludes goals in the trash. `trashed=true` lists only those.',
  })
  @ApiOkResponse({ type: GoalPage, description: 'A page of goals.' })
  list(@Query() query: GoalQuery): Promise<JsonPage> {
    return this.goals.page(query);
  }

  @Post()
  @Problems(404, idTaken, quotaExceeded)
  @ApiOperation({ summary: 'Create a goal' })
  @ApiBody({ type: CreateGoal, examples: { goal: { value: created } } })
  @ApiCreatedResponse({ type: GoalView, description: 'The created goal.' })
  create(@Body() goal: CreateGoal): Promise<JsonText> {
    return this.service.create(goal);
  }

  @Get('summary')
  @ApiOperation({
    summary: 'Get a summary of the goals',
    description:
      'Number of goals by status and horizon, and their average progress. Goals in the trash are not counted.',
  })
  @ApiOkResponse({ type: GoalSummary, description: 'The summary.' })
  getGoalSummary(): Promise<JsonText> {
    return this.goals.summary();
  }

  @PostBatch({
    name: 'goal',
    Body: GoalBatch,
    Results: GoalBatchResults,
    example: created,
    problems: [ancestorCycle, quotaExceeded],
  })
  async runGoalBatch(
    @Body() batch: GoalBatch,
    @Req() { id }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JsonText> {
    const resource = { ...goalBatch, path: 'goals', service: this.service, rows: this.goals };
    const { status, body } = await this.batches.run(resource, batch, id);
    void reply.status(status);
    return body;
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get a goal' })
  @ApiOkResponse({ type: GoalView, description: 'The goal.' })
  get(@IdParam() id: string, @Query() { fields }: GetGoalQuery): Promise<JsonText> {
    return this.goals.find(id, { fields });
  }

  @Patch(':id')
  @Problems(ancestorCycle, quotaExceeded)
  @ApiOperation({
    summary: 'Update a goal',
    description: 'Fields that are absent keep their value. Null clears a field.',
  })
  @ApiBody({ type: PatchGoal, examples: { pause: { value: changed } } })
  @ApiOkResponse({ type: GoalView, description: 'The updated goal.' })
  update(@IdParam() id: string, @Body() values: PatchGoal): Promise<JsonText> {
    return this.service.update(id, values);
  }

  @Put(':id')
  @Problems(ancestorCycle, quotaExceeded)
  @ApiOperation({
    summary: 'Update a goal (alias of PATCH)',
    description:
      'For older clients. Does the same as PATCH, which new clients should use: fields that are absent keep their value, and ' +
      'null clears a field. The goal is not replaced.',
  })
  @ApiBody({ type: PatchGoal, examples: { pause: { value: changed } } })
  @ApiOkResponse({ type: GoalView, description: 'The updated goal.' })
  put(@IdParam() id: string, @Body() values: PatchGoal): Promise<JsonText> {
    return this.service.update(id, values);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Move a goal to the trash',
    description:
      'Its subgoals are kept without a parent, and its tasks are kept without a goal unless `tasks=trash` is given. With ' +
      '`permanent=true`, the goal is deleted permanently.',
  })
  @ApiNoContentResponse({ description: 'The goal was moved to the trash or deleted.' })
  delete(@IdParam() id: string, @Query() { permanent, tasks }: DeleteGoalQuery): Promise<void> {
    return this.service.delete(id, permanent, tasks ?? 'keep');
  }

  @Post(':id/complete')
  @HttpCode(200)
  @ApiOperation({ summary: 'Complete a goal' })
  @ApiOkResponse({ type: GoalView, description: 'The completed goal.' })
  complete(@IdParam() id: string): Promise<JsonText> {
    return this.service.complete(id);
  }

  @Post(':id/reopen')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Reopen a goal',
    description: 'Sets a completed or cancelled goal to `active`. Other goals stay unchanged.',
  })
  @ApiOkResponse({ type: GoalView, description: 'The reopened goal.' })
  reopen(@IdParam() id: string): Promise<JsonText> {
    return this.service.reopen(id);
  }

  @Post(':id/restore')
  @Problems(quotaExceeded)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Restore a goal from the trash',
    description:
      'Its former subgoals and tasks belong to it again, unless they were moved to another goal since. Also restores the ' +
      'tasks that were moved to the trash together with it.',
  })
  @ApiOkResponse({ type: GoalView, description: 'The restored goal.' })
  restore(@IdParam() id: string): Promise<JsonText> {
    return this.goals.restore(id);
  }

  @Get(':id/breakdown')
  @ApiOperation({
    summary: 'Get the progress breakdown of a goal',
    description:
      'Task counts, contributions to the progress, and the same for all subgoals as a tree. At most 1,000 goals, those ' +
      'closest to this goal first: `omitted_subgoals` counts the others. To get them, request the breakdown of their parent, ' +
      'or `GET /goals?parent_goal_id=`.',
  })
  @ApiOkResponse({ type: GoalBreakdown, description: 'The breakdown.' })
  getGoalBreakdown(@IdParam() id: string): Promise<JsonText> {
    return this.service.breakdown(id);
  }

  @Get(':id/tasks')
  @ApiOperation({ summary: 'List the tasks of a goal' })
  @ApiOkResponse({ type: TaskPage, description: 'A page of tasks.' })
  listGoalTasks(@IdParam() id: string, @Query() query: GoalTaskQuery): Promise<JsonPage> {
    return this.goals.tasksOf(id, query);
  }
}
