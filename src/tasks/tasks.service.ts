import { Injectable } from '@nestjs/common';
import { Expression } from '../database/owned.repository';
import { JsonPage, JsonText } from '../http/json-text';
import { invalid } from '../http/problem';
import { CreateTask, PatchTask, TaskQuery } from './task.dto';
import { TasksRepository } from './tasks.repository';

const reopened = new Expression(
  `CASE WHEN status IN ('completed', 'cancelled') THEN 'pending' ELSE status END`,
);
const notCompleted = new Expression(`CASE WHEN status = 'completed' THEN 'pending' ELSE status END`);

/** The rules of tasks. */
@Injectable()
export class TasksService {
  constructor(private readonly tasks: TasksRepository) {}

  page(query: TaskQuery): Promise<JsonPage> {
    return this.tasks.page(query);
  }

  find(id: string): Promise<JsonText> {
    return this.tasks.find(id);
  }

  /** @throws Problem 422 when `completed` and `status` say different things, here and in `change` */
  async create(task: CreateTask): Promise<JsonText> {
    refuseContradiction(task);
    const { completed, status = completed ? 'completed' : undefined, ...values } = task;
    return this.tasks.insert({ ...values, status });
  }

  async change(id: string, changes: PatchTask): Promise<JsonText> {
    refuseContradiction(changes);
    const { completed, status = statusOf(completed), ...others } = changes;
    return this.tasks.update(id, { ...others, status });
  }

  complete(id: string): Promise<JsonText> {
    return this.tasks.update(id, { status: 'completed' });
  }

  /** What was completed or cancelled is pending again; other tasks stay as they are. */
  reopen(id: string): Promise<JsonText> {
    return this.tasks.update(id, { status: reopened });
  }

  remove(id: string, permanent: boolean): Promise<void> {
    return permanent ? this.tasks.remove(id) : this.tasks.trash(id);
  }

  restore(id: string): Promise<JsonText> {
    return this.tasks.restore(id);
  }
}

/** The status that `completed` stands for, where it stands in place of it. */
function statusOf(completed: boolean | undefined): Expression | 'completed' | undefined {
  return completed === undefined ? undefined : completed ? 'completed' : notCompleted;
}

function refuseContradiction({ completed, status }: PatchTask): void {
  if (completed === undefined || status === undefined || completed === (status === 'completed')) return;
  throw invalid([{ field: 'completed', code: 'contradiction', message: 'says something else than status' }]);
}
