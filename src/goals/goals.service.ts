import { Injectable } from '@nestjs/common';
import { Expression } from '../database/table.repository';
import { JsonPage, JsonText } from '../core/json-text';
import { TaskQuery } from '../tasks/task.dto';
import { TasksRepository } from '../tasks/tasks.repository';
import { invalid } from '../core/problem';
import { CreateGoal, GoalQuery, PatchGoal } from './goal.dto';
import { breakdownOf } from './breakdown';
import { GoalsRepository } from './goals.repository';

const reopened = new Expression(
  `CASE WHEN status IN ('completed', 'cancelled') THEN 'active' ELSE status END`,
);

/** The rules of goals. */
@Injectable()
export class GoalsService {
  constructor(
    private readonly goals: GoalsRepository,
    private readonly tasks: TasksRepository,
  ) {}

  page(query: GoalQuery): Promise<JsonPage> {
    return this.goals.page(query);
  }

  summary(): Promise<JsonText> {
    return this.goals.summary();
  }

  find(id: string): Promise<JsonText> {
    return this.goals.find(id);
  }

  /** @throws Problem 422 for a progress that is to be computed, here and in `change` */
  async create(values: CreateGoal): Promise<JsonText> {
    return this.goals.insert({ ...values, ...progressOf(values) });
  }

  /** @throws Problem 409 when the goal would become its own ancestor */
  async change(id: string, changes: PatchGoal): Promise<JsonText> {
    return this.goals.update(id, { ...changes, ...progressOf(changes) });
  }

  /** The tree below a goal, and what each goal's progress is made of. @throws Problem 404 */
  async breakdown(id: string): Promise<JsonText> {
    return breakdownOf(await this.goals.tree(id));
  }

  complete(id: string): Promise<JsonText> {
    return this.goals.update(id, { status: 'completed' });
  }

  /** What was completed or cancelled is active again; other goals stay as they are. */
  reopen(id: string): Promise<JsonText> {
    return this.goals.update(id, { status: reopened });
  }

  /** Its tasks and subgoals stay, unlinked; or the tasks go to the trash. */
  remove(id: string, tasks: 'trash' | undefined): Promise<void> {
    return this.goals.remove(id, tasks);
  }

  /** @throws Problem 404 when there is no such goal */
  tasksOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.tasks.pageUnder(this.goals, id, { ...query, goal_id: [id] });
  }
}

/** A number is one that is set by hand; null asks for the computed one. */
function progressOf({ progress, progress_mode }: PatchGoal): PatchGoal {
  if (progress === undefined) return { progress_mode };
  if (progress === null)
    return {
      progress_mode: progress_mode ?? 'computed',
      progress: progress_mode === 'manual' ? null : undefined,
    };
  if (progress_mode === 'computed') {
    throw invalid([
      { field: 'progress', code: 'contradiction', message: 'cannot be set while progress_mode is computed' },
    ]);
  }
  return { progress_mode: 'manual', progress };
}
