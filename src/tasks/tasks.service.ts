import { Injectable } from '@nestjs/common';
import { Expression } from '../database/table.repository';
import { JsonPage, JsonText } from '../core/json-text';
import { invalid } from '../core/problem';
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

  summary(): Promise<JsonText> {
    return this.tasks.summary();
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

  /**
   * @param force completes it also when what it depends on is open; so in `complete`
   * @throws Problem 409 `dependency_open`
   */
  async change(id: string, changes: PatchTask, force: boolean): Promise<JsonText> {
    refuseContradiction(changes);
    const { completed, status = statusOf(completed), ...others } = changes;
    return this.tasks.change(id, { ...others, status }, force);
  }

  complete(id: string, force: boolean): Promise<JsonText> {
    return this.tasks.change(id, { status: 'completed' }, force);
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

  /** Those right below it. @throws Problem 404 when there is no such task */
  subtasksOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.tasks.pageUnder(this.tasks, id, { ...query, parent_task_id: [id] });
  }

  /** Those that are to be done before it. @throws Problem 404 when there is no such task */
  dependenciesOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.tasks.pageUnder(this.tasks, id, { ...query, needed_by: id });
  }

  /** @throws Problem 404 for either task · Problem 409 `dependency_cycle` */
  depend(id: string, other_id: string): Promise<void> {
    return this.tasks.depend(id, other_id);
  }

  undepend(id: string, other_id: string): Promise<void> {
    return this.tasks.undepend(id, other_id);
  }
}

/** The status that `completed` stands for, where it stands in place of it. */
function statusOf(completed: boolean | undefined): Expression | 'completed' | undefined {
  return completed === undefined ? undefined : completed ? 'completed' : notCompleted;
}

function refuseContradiction({ completed, status }: PatchTask): void {
  if (completed === undefined || status === undefined || completed === (status === 'completed')) return;
  throw invalid([{ field: 'completed', code: 'contradiction', message: 'contradicts status' }]);
}
