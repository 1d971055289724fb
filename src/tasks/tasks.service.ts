import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { invalid } from '../core/problem';
import { SqlValue } from '../database/table.repository';
import { CreateTask, PatchTask } from './task.dto';
import { TasksRepository } from './tasks.repository';

/** SQL of the status after reopening. */
const reopenedStatus = new SqlValue(
  `CASE WHEN status IN ('completed', 'cancelled') THEN 'pending' ELSE status END`,
);

/** SQL of the status after `"completed": false`. */
const notCompletedStatus = new SqlValue(`CASE WHEN status = 'completed' THEN 'pending' ELSE status END`);

/** The rules for tasks that the database does not enforce. */
@Injectable()
export class TasksService {
  constructor(private readonly tasks: TasksRepository) {}

  /** @throws Problem 422 if `completed` contradicts `status` */
  async create(task: CreateTask): Promise<JsonText> {
    refuseContradiction(task);
    const { completed, status = completed ? 'completed' : undefined, ...values } = task;
    return this.tasks.insert({ ...values, status });
  }

  /**
   * @param force completes the task even if it depends on an open task; also in `complete`
   * @throws Problem 422 if `completed` contradicts `status` · Problem 409 `dependency_open`
   */
  async update(id: string, values: PatchTask, force: boolean): Promise<JsonText> {
    refuseContradiction(values);
    const { completed, status = statusOf(completed), ...others } = values;
    return this.tasks.updateTask(id, { ...others, status }, force);
  }

  complete(id: string, force: boolean): Promise<JsonText> {
    return this.tasks.updateTask(id, { status: 'completed' }, force);
  }

  reopen(id: string): Promise<JsonText> {
    return this.tasks.update(id, { status: reopenedStatus });
  }

  /** Moves the task to the trash, or deletes it permanently. */
  delete(id: string, isPermanent: boolean): Promise<void> {
    return isPermanent ? this.tasks.delete(id) : this.tasks.moveToTrash(id);
  }
}

/** The new status if `completed` is sent instead of `status`. */
function statusOf(completed: boolean | undefined): SqlValue | 'completed' | undefined {
  if (completed === undefined) return undefined;
  return completed ? 'completed' : notCompletedStatus;
}

function refuseContradiction({ completed, status }: PatchTask): void {
  if (completed === undefined || status === undefined || completed === (status === 'completed')) return;
  throw invalid([{ field: 'completed', code: 'contradiction', message: 'contradicts status' }]);
}
