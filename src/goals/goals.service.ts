import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { invalid } from '../core/problem';
import { SqlValue } from '../database/table.repository';
import { breakdownOf } from './breakdown';
import { maxBreakdownGoals } from './breakdown.dto';
import { CreateGoal, PatchGoal } from './goal.dto';
import { GoalsRepository } from './goals.repository';

/** SQL of the status after reopening. */
const reopenedStatus = new SqlValue(
  `CASE WHEN status IN ('completed', 'cancelled') THEN 'active' ELSE status END`,
);

/** The rules for goals that the database does not enforce. */
@Injectable()
export class GoalsService {
  constructor(private readonly goals: GoalsRepository) {}

  /** @throws Problem 422 if `progress` contradicts `progress_mode` */
  async create(values: CreateGoal): Promise<JsonText> {
    return this.goals.insert({ ...values, ...progressOf(values) });
  }

  /** @throws Problem 422 if `progress` contradicts `progress_mode` · Problem 409 `cycle` */
  async update(id: string, values: PatchGoal): Promise<JsonText> {
    return this.goals.update(id, { ...values, ...progressOf(values) });
  }

  complete(id: string): Promise<JsonText> {
    return this.goals.update(id, { status: 'completed' });
  }

  reopen(id: string): Promise<JsonText> {
    return this.goals.update(id, { status: reopenedStatus });
  }

  /**
   * Moves the goal to the trash, or deletes it permanently.
   * @param tasks what happens to its tasks
   */
  delete(id: string, isPermanent: boolean, tasks: 'keep' | 'trash'): Promise<void> {
    return isPermanent ? this.goals.delete(id, tasks) : this.goals.moveToTrash(id, tasks);
  }

  /** The tree of a goal and its subgoals, with the contributions to their progress. @throws Problem 404 */
  async breakdown(id: string): Promise<JsonText> {
    return breakdownOf(await this.goals.tree(id, maxBreakdownGoals), maxBreakdownGoals);
  }
}

/** A number sets the progress manually; null switches back to computed progress. */
function progressOf({ progress, progress_mode }: PatchGoal): PatchGoal {
  if (progress === undefined) return { progress_mode };
  if (progress === null) {
    return {
      progress_mode: progress_mode ?? 'computed',
      progress: progress_mode === 'manual' ? null : undefined,
    };
  }
  if (progress_mode === 'computed') {
    throw invalid([
      { field: 'progress', code: 'contradiction', message: 'cannot be set while progress_mode is computed' },
    ]);
  }
  return { progress_mode: 'manual', progress };
}
