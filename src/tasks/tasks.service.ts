import { Injectable } from '@nestjs/common';
import { Changes, Expression } from '../database/owned.repository';
import { JsonPage, JsonText } from '../http/json-text';
import { invalid } from '../http/problem';
import { CreateTask, PatchTask, TaskQuery } from './task.dto';
import { TasksRepository } from './tasks.repository';

const reopened = new Expression(`CASE WHEN status IN ('completed', 'cancelled') THEN 'pending' ELSE status END`);
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

  create({ completed, ...values }: CreateTask): Promise<JsonText> {
    const status = completed ? 'completed' : undefined;
    return this.tasks.insert({ status, ...withoutContradiction(values, completed) });
  }

  change(id: string, { completed, ...changes }: PatchTask): Promise<JsonText> {
    const status = completed === undefined ? undefined : completed ? 'completed' : notCompleted;
    return this.tasks.update(id, { status, ...withoutContradiction(changes, completed) });
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

/** @throws Problem 422 when `completed` and `status` say different things */
function withoutContradiction(changes: Omit<PatchTask, 'completed'>, completed: boolean | undefined): Changes {
  if (changes.status === undefined) {
    const { status: _absent, ...others } = changes;
    return others;
  }
  if (completed !== undefined && completed !== (changes.status === 'completed')) {
    throw invalid([{ field: 'completed', code: 'contradiction', message: 'says something else than status' }]);
  }
  return { ...changes };
}
