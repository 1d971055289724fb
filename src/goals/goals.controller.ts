import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Put, Query } from '@nestjs/common';
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
import { TaskPage } from '../tasks/task.dto';
import {
  CreateGoal,
  DeleteGoalQuery,
  GoalBreakdown,
  GoalPage,
  GoalQuery,
  GoalSummary,
  GoalTaskQuery,
  GoalView,
  PatchGoal,
} from './goal.dto';
import { GoalsService } from './goals.service';

const created = {
  title: 'Publish a book',
  horizon: 'yearly',
  target_date: '2027-06-30',
  metrics: { chapters: 12 },
};
const changed = { status: 'on_hold', progress: 40 };

@VerifiedOnly()
@ApiTags('Goals')
@Controller(['goals', 'users/:user_id/goals'])
export class GoalsController {
  constructor(private readonly goals: GoalsService) {}

  @Get()
  @ApiOperation({ summary: 'List goals' })
  @ApiOkResponse({ type: GoalPage })
  page(@Query() query: GoalQuery): Promise<JsonPage> {
    return this.goals.page(query);
  }

  @Post()
  @ApiOperation({ summary: 'Make a goal' })
  @ApiBody({ type: CreateGoal, examples: { goal: { value: created } } })
  @ApiCreatedResponse({ type: GoalView })
  create(@Body() goal: CreateGoal): Promise<JsonText> {
    return this.goals.create(goal);
  }

  @Get('summary')
  @ApiOperation({ summary: 'Count goals' })
  @ApiOkResponse({ type: GoalSummary })
  summary(): Promise<JsonText> {
    return this.goals.summary();
  }

  @Get(':id')
  @ApiOperation({ summary: 'Read a goal' })
  @ApiOkResponse({ type: GoalView })
  find(@IdParam() id: string): Promise<JsonText> {
    return this.goals.find(id);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change a goal', description: 'Absent keeps, null clears.' })
  @ApiBody({ type: PatchGoal, examples: { pause: { value: changed } } })
  @ApiOkResponse({ type: GoalView })
  change(@IdParam() id: string, @Body() changes: PatchGoal): Promise<JsonText> {
    return this.goals.change(id, changes);
  }

  @Put(':id')
  @ApiOperation({ summary: 'Change a goal', description: 'The same as PATCH: absent keeps, null clears.' })
  @ApiBody({ type: PatchGoal, examples: { pause: { value: changed } } })
  @ApiOkResponse({ type: GoalView })
  put(@IdParam() id: string, @Body() changes: PatchGoal): Promise<JsonText> {
    return this.goals.change(id, changes);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove a goal', description: 'Its tasks and subgoals stay, without it.' })
  @ApiNoContentResponse()
  remove(@IdParam() id: string, @Query() { tasks }: DeleteGoalQuery): Promise<void> {
    return this.goals.remove(id, tasks);
  }

  @Post(':id/complete')
  @HttpCode(200)
  @ApiOperation({ summary: 'Complete a goal' })
  @ApiOkResponse({ type: GoalView })
  complete(@IdParam() id: string): Promise<JsonText> {
    return this.goals.complete(id);
  }

  @Post(':id/reopen')
  @HttpCode(200)
  @ApiOperation({ summary: 'Reopen a goal', description: 'What was completed or cancelled is active again.' })
  @ApiOkResponse({ type: GoalView })
  reopen(@IdParam() id: string): Promise<JsonText> {
    return this.goals.reopen(id);
  }

  @Get(':id/breakdown')
  @ApiOperation({ summary: 'Explain the progress of a goal', description: 'With the tree of its subgoals.' })
  @ApiOkResponse({ type: GoalBreakdown })
  breakdown(@IdParam() id: string): Promise<JsonText> {
    return this.goals.breakdown(id);
  }

  @Get(':id/tasks')
  @ApiOperation({ summary: 'List the tasks of a goal' })
  @ApiOkResponse({ type: TaskPage })
  tasks(@IdParam() id: string, @Query() query: GoalTaskQuery): Promise<JsonPage> {
    return this.goals.tasksOf(id, query);
  }
}
