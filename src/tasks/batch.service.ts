import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { Problem } from '../core/problem';
import { setPrecondition } from '../core/request-context';
import { Database } from '../database/database';
import { asProblem, problemJson } from '../http/problem.filter';
import { BatchOperation, parseBatchOperation } from './batch-operation';
import { Batch } from './batch.dto';
import { TasksRepository } from './tasks.repository';
import { TasksService } from './tasks.service';

interface OperationResult {
  status: number;
  task?: JsonText;
}

/** Runs several operations on tasks in one request, with the same rules as single requests. */
@Injectable()
export class BatchService {
  constructor(
    private readonly service: TasksService,
    private readonly tasks: TasksRepository,
    private readonly database: Database,
  ) {}

  /**
   * Runs all operations in one transaction.
   * @throws Problem of the first operation that fails, naming its index
   */
  async runAtomic({ operations }: Batch): Promise<JsonText> {
    const parsed: BatchOperation[] = [];
    for (const [index, operation] of operations.entries()) {
      parsed.push(await withIndexInError(index, () => parse(operation)));
    }
    return this.database.writeTransaction(async () => {
      const items: string[] = [];
      for (const [index, operation] of parsed.entries()) {
        items.push(itemJson(index, await withIndexInError(index, () => this.run(operation))));
      }
      return listJson(items);
    });
  }

  /**
   * Runs each operation in its own transaction. A failed operation does not affect the others.
   * @throws Problem 401 if the session has ended
   */
  async runEach({ operations }: Batch, requestId: string): Promise<JsonText> {
    // Invalid operations do not reach the database, which checks the session.
    await this.database.read({});
    const items: string[] = [];
    for (const [index, operation] of operations.entries()) {
      try {
        const parsed = await parse(operation);
        items.push(itemJson(index, await this.database.attempt(() => this.run(parsed))));
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

  private async run({ op, id, data, force, version }: BatchOperation): Promise<OperationResult> {
    setPrecondition(
      version === undefined ? undefined : { table: 'tasks', id, versions: [version], otherVersions: [] },
    );
    switch (op) {
      case 'create':
        return { status: 201, task: await this.service.create(data) };
      case 'update':
        return { status: 200, task: await this.service.update(id, data, force) };
      case 'complete':
        return { status: 200, task: await this.service.complete(id, force) };
      case 'reopen':
        return { status: 200, task: await this.service.reopen(id) };
      case 'restore':
        return { status: 200, task: await this.tasks.restore(id) };
      case 'delete':
        await this.tasks.moveToTrash(id);
        return { status: 204 };
    }
  }
}

/** Parses an operation after other requests had their turn, because parsing 200 operations takes long. */
async function parse(operation: Record<string, unknown>): Promise<BatchOperation> {
  await setImmediate();
  return parseBatchOperation(operation);
}

/** @throws Problem from `work`, with the index of the operation */
async function withIndexInError<T>(index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const problem = asProblem(error);
    const { status, code, detail, headers } = problem;
    const path = `operations[${index}]`;
    const errors = problem.errors?.map(({ field, ...rest }) => ({ ...rest, field: `${path}.${field}` }));
    const withIndex = new Problem(
      status,
      code,
      `Operation ${index} failed: ${detail} No changes were made.`,
      errors ?? [{ field: path, code, message: detail }],
      headers,
    );
    withIndex.cause = problem.cause ?? (status >= 500 ? error : undefined);
    throw withIndex;
  }
}

function itemJson(index: number, { status, task }: OperationResult): string {
  return `{"index":${index},"status":${status}${task ? `,"data":${task.text}` : ''}}`;
}

function listJson(items: string[]): JsonText {
  return new JsonText(`{"items":[${items.join(',')}]}`);
}
