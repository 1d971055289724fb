import { Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ancestorCycle, quotaExceeded } from '../database/database-errors';
import { GoalView } from '../goals/goal.dto';
import { GoalsRepository } from '../goals/goals.repository';
import { JsonPage, JsonText } from '../core/json-text';
import { ApiGroup } from '../http/api-group';
import { IdParam } from '../http/id-param';
import { Problems } from '../http/problem-responses';
import { ControllerWithUserMirror } from '../http/user-mirror';
import { TaskView } from '../tasks/task.dto';
import { dependencyOpen, parentTrashed } from '../tasks/task.problems';
import { TasksRepository } from '../tasks/tasks.repository';
import { hoursCounted } from '../time-entries/time-entry.problems';
import { ChangePage } from './change.dto';
import { ChangesRepository } from './changes.repository';
import { changedSince, inTrash, nothingToUndo } from './history.problems';
import { HistoryQuery, UndoQuery, UndoTaskQuery } from './history-query.dto';
import { HistoryService } from './history.service';

@ApiGroup('History', 'What changed on tasks and goals, and undo.', 6)
@ControllerWithUserMirror('')
export class HistoryController {
  constructor(
    private readonly service: HistoryService,
    private readonly changes: ChangesRepository,
    private readonly tasks: TasksRepository,
    private readonly goals: GoalsRepository,
  ) {}

  @Get('tasks/:id/history')
  @ApiOperation({
    summary: 'List the changes of a task',
    description: 'Newest change first. Also available for tasks in the trash.',
  })
  @ApiOkResponse({ type: ChangePage, description: 'A page of changes.' })
  listTaskHistory(@IdParam() id: string, @Query() query: HistoryQuery): Promise<JsonPage> {
    return this.changes.listOf(this.tasks, id, query);
  }

  @Post('tasks/:id/undo')
  @Problems(nothingToUndo, changedSince, inTrash, dependencyOpen, parentTrashed, hoursCounted, quotaExceeded)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Undo the last change of a task',
    description: 'Can also undo a move to the trash or a restore. A second undo reapplies the change.',
  })
  @ApiOkResponse({ type: TaskView, description: 'The task after the undo.' })
  undoTask(@IdParam() id: string, @Query() { version, force }: UndoTaskQuery): Promise<JsonText> {
    return this.service.undo(
      this.tasks,
      id,
      (oldValues) => this.tasks.updateTask(id, oldValues, force),
      version,
    );
  }

  @Get('goals/:id/history')
  @ApiOperation({
    summary: 'List the changes of a goal',
    description: 'Newest change first. Also available for goals in the trash.',
  })
  @ApiOkResponse({ type: ChangePage, description: 'A page of changes.' })
  listGoalHistory(@IdParam() id: string, @Query() query: HistoryQuery): Promise<JsonPage> {
    return this.changes.listOf(this.goals, id, query);
  }

  @Post('goals/:id/undo')
  @Problems(nothingToUndo, changedSince, inTrash, ancestorCycle, quotaExceeded)
  @HttpCode(200)
  @ApiOperation({
    summary: 'Undo the last change of a goal',
    description:
      'Can also undo a move to the trash or a restore. A second undo reapplies the change, but moves no tasks to the trash. ' +
      'Computed progress is not reverted.',
  })
  @ApiOkResponse({ type: GoalView, description: 'The goal after the undo.' })
  undoGoal(@IdParam() id: string, @Query() { version }: UndoQuery): Promise<JsonText> {
    return this.service.undo(this.goals, id, (oldValues) => this.goals.revert(id, oldValues), version);
  }
}
