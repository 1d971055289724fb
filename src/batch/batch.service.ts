import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { Problem } from '../core/problem';
import { setPrecondition } from '../core/request-context';
import { Database } from '../database/database';
import type { TrashRepository } from '../database/trash.repository';
import { asProblem, problemJson } from '../http/problem.filter';
import { BatchOperation, parseBatchOperation } from './batch-operation';
import { Batch, BatchBodies } from './batch.dto';

/** A kind of resource on which batches operate. */
export interface BatchResource extends BatchBodies {
  /** The path of its collection. */
  path: string;
  service: {
    create(values: object): Promise<JsonText>;
    update(id: string, values: object, force: boolean): Promise<JsonText>;
    complete(id: string, force: boolean): Promise<JsonText>;
    reopen(id: string): Promise<JsonText>;
  };
  rows: TrashRepository<never>;
}

interface OperationResult {
  status: number;
  row?: JsonText;
}

/** Runs several operations in one request, with the same rules as single requests. */
@Injectable()
export class BatchService {
  constructor(private readonly database: Database) {}

  /** @param requestId for the problems of failed operations · @returns the body and the status of the response */
  async run(
    resource: BatchResource,
    batch: Batch,
    requestId: string,
  ): Promise<{ status: number; body: JsonText }> {
    return batch.mode === 'atomic'
      ? { status: 200, body: await this.runAtomic(resource, batch) }
      : { status: 207, body: await this.runEach(resource, batch, requestId) };
  }

  /**
   * Runs all operations in one transaction.
   * @throws Problem of the first operation that fails, naming its index
   */
  private async runAtomic(resource: BatchResource, { operations }: Batch): Promise<JsonText> {
    const parsed: BatchOperation[] = [];
    for (const [index, operation] of operations.entries()) {
      parsed.push(await withIndexInError(index, () => parse(resource, operation)));
    }
    return this.database.writeTransaction(async () => {
      const items: string[] = [];
      for (const [index, operation] of parsed.entries()) {
        items.push(itemJson(index, await withIndexInError(index, () => runOperation(resource, operation))));
      }
      return listJson(items);
    });
  }

  /**
   * Runs each operation in its own transaction. A failed operation does not affect the others.
   * @throws Problem 401 if the session has ended
   */
  private async runEach(
    resource: BatchResource,
    { operations }: Batch,
    requestId: string,
  ): Promise<JsonText> {
    // Invalid operations do not reach the database, which checks the session.
    await this.database.read({});
    const items: string[] = [];
    for (const [index, operation] of operations.entries()) {
      try {
        const parsed = await parse(resource, operation);
        items.push(itemJson(index, await this.database.attempt(() => runOperation(resource, parsed))));
      } catch (error) {
        const problem = asProblem(error);
        const { status } = problem;
        if (status === 401) throw problem;
        const json = problemJson(problem, requestId, `/api/v1/${resource.path}/batch#${index}`);
        items.push(`{"index":${index},"status":${status},"problem":${json}}`);
      }
    }
    return listJson(items);
  }
}

async function runOperation(
  { service, rows }: BatchResource,
  { op, id, data, force, version }: BatchOperation,
): Promise<OperationResult> {
  setPrecondition(
    version === undefined ? undefined : { table: rows.table, id, versions: [version], otherVersions: [] },
  );
  switch (op) {
    case 'create':
      return { status: 201, row: await service.create(data) };
    case 'update':
      return { status: 200, row: await service.update(id, data, force) };
    case 'complete':
      return { status: 200, row: await service.complete(id, force) };
    case 'reopen':
      return { status: 200, row: await service.reopen(id) };
    case 'restore':
      return { status: 200, row: await rows.restore(id) };
    case 'delete':
      await rows.moveToTrash(id);
      return { status: 204 };
  }
}

/** Parses an operation after other requests had their turn, because parsing 200 operations takes long. */
async function parse(resource: BatchResource, operation: Record<string, unknown>): Promise<BatchOperation> {
  await setImmediate();
  return parseBatchOperation(operation, resource);
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

function itemJson(index: number, { status, row }: OperationResult): string {
  return `{"index":${index},"status":${status}${row ? `,"data":${row.text}` : ''}}`;
}

function listJson(items: string[]): JsonText {
  return new JsonText(`{"items":[${items.join(',')}]}`);
}
