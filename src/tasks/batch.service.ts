import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { isId } from '../core/ids';
import { JsonText } from '../core/json-text';
import { FieldFlaw, invalid, Problem, unknownField } from '../core/problem';
import { asProblem, problemJson } from '../http/problem.filter';
import { validate } from '../http/validation';
import { Batch, OperationName, operationNames } from './batch.dto';
import { CreateTask, PatchTask } from './task.dto';
import { TasksService } from './tasks.service';

/** What each operation has besides its name. */
const parts: Record<OperationName, ('id' | 'data' | 'force')[]> = {
  create: ['data'],
  update: ['id', 'data', 'force'],
  complete: ['id', 'force'],
  reopen: ['id'],
  delete: ['id'],
  restore: ['id'],
};

/** An operation that is as it should be; whether it can be done is seen when it is. */
interface Operation {
  op: OperationName;
  id: string;
  data: CreateTask & PatchTask;
  force: boolean;
}

interface Done {
  status: number;
  task?: JsonText;
}

/** Several operations on tasks in one request, each by the rules of `TasksService`. */
@Injectable()
export class BatchService {
  constructor(
    private readonly tasks: TasksService,
    private readonly database: Database,
  ) {}

  /** All or nothing. @throws Problem of the first operation that cannot be done, which it names by its index */
  async doAll({ operations }: Batch): Promise<JsonText> {
    const read = await Promise.all(
      operations.map((operation, index) => at(index, () => readOperation(operation))),
    );
    const items: string[] = [];
    await this.database.inTransaction(async () => {
      for (const [index, operation] of read.entries()) {
        items.push(itemJson(index, await at(index, () => this.do(operation))));
      }
    });
    return listJson(items);
  }

  /** Each by itself: those that cannot be done leave the others alone. */
  async doEach({ operations }: Batch, requestId: string): Promise<JsonText> {
    const items: string[] = [];
    for (const [index, operation] of operations.entries()) {
      try {
        items.push(itemJson(index, await this.do(await readOperation(operation))));
      } catch (error) {
        const problem = asProblem(error);
        const { status } = problem;
        if (status === 401) throw problem;
        const json = problemJson(problem, requestId, `/api/v1/tasks/batch#${index}`);
        items.push(`{"index":${index},"status":${status},"problem":${json}}`);
      }
    }
    return listJson(items);
  }

  private async do({ op, id, data, force }: Operation): Promise<Done> {
    switch (op) {
      case 'create':
        return { status: 201, task: await this.tasks.create(data) };
      case 'update':
        return { status: 200, task: await this.tasks.change(id, data, force) };
      case 'complete':
        return { status: 200, task: await this.tasks.complete(id, force) };
      case 'reopen':
        return { status: 200, task: await this.tasks.reopen(id) };
      case 'restore':
        return { status: 200, task: await this.tasks.restore(id) };
      case 'delete':
        await this.tasks.remove(id, false);
        return { status: 204 };
    }
  }
}

/** @throws Problem 422 */
async function readOperation(raw: Record<string, unknown>): Promise<Operation> {
  const { op, id, data, force, ...others } = raw;
  const name = operationNames.find((known) => known === op);
  if (!name) {
    throw invalid([
      { field: 'op', code: 'not_allowed', message: `must be one of ${operationNames.join(', ')}` },
    ]);
  }
  const taken = parts[name];
  const given = { id, data, force };
  const flaws: FieldFlaw[] = [
    ...Object.keys(others).map(unknownField),
    ...(['id', 'data', 'force'] as const)
      .filter((part) => given[part] !== undefined && !taken.includes(part))
      .map(unknownField),
  ];
  if (taken.includes('id') && !isId(id))
    flaws.push({ field: 'id', code: 'invalid_id', message: 'must be a UUID' });
  if (force !== undefined && typeof force !== 'boolean')
    flaws.push({ field: 'force', code: 'type', message: 'must be true or false' });
  if (taken.includes('data') && (typeof data !== 'object' || data === null || Array.isArray(data)))
    flaws.push({ field: 'data', code: 'type', message: 'must be a JSON object' });
  if (flaws.length) throw invalid(flaws);
  const fields = taken.includes('data')
    ? await validate(name === 'create' ? CreateTask : PatchTask, data as object, 'data')
    : {};
  return { op: name, id: id as string, data: fields as CreateTask & PatchTask, force: force === true };
}

/** @throws Problem what the work throws, with the index of the operation */
async function at<T>(index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const problem = asProblem(error);
    const { status, code, detail, headers } = problem;
    const place = `operations[${index}]`;
    const flaws = problem.errors?.map((flaw) => ({ ...flaw, field: `${place}.${flaw.field}` }));
    const named = new Problem(
      status,
      code,
      `Operation ${index} failed: ${detail} No changes were made.`,
      flaws ?? [{ field: place, code, message: detail }],
      headers,
    );
    named.cause = problem.cause ?? (status >= 500 ? error : undefined);
    throw named;
  }
}

function itemJson(index: number, { status, task }: Done): string {
  return `{"index":${index},"status":${status}${task ? `,"data":${task.text}` : ''}}`;
}

function listJson(items: string[]): JsonText {
  return new JsonText(`{"items":[${items.join(',')}]}`);
}
