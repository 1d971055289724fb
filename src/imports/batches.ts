import { setImmediate } from 'node:timers/promises';
import type { Database, Results, Statements } from '../database/database';

/** Rows, and characters, of one statement. Larger batches outlive the quick collections of garbage: more time and memory. */
const [maxRows, maxLength] = [100, 500_000];

const itemsBetweenPauses = 20;

/**
 * Splits items into batches, each for one statement. It pauses after every few items: meanwhile, the connection to
 * PostgreSQL sends and receives.
 */
export async function* batchesOf<Item>(items: Iterable<Item> | AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  let length = 0;
  for await (const item of items) {
    if (batch.length % itemsBetweenPauses === 0) await setImmediate();
    batch.push(item);
    length += lengthOf(item);
    if (batch.length < maxRows && length < maxLength) continue;
    yield batch;
    batch = [];
    length = 0;
  }
  if (batch.length) yield batch;
}

/**
 * Sends statements for each item. While PostgreSQL executes those of one item, the results of the one before are handled,
 * and the next item is prepared.
 */
export async function* sendAhead<Item, S extends Statements>(
  database: Database,
  items: AsyncIterable<Item>,
  statementsOf: (item: Item) => S,
): AsyncGenerator<[Item, Results<S>]> {
  let running: { item: Item; results: Promise<Results<S>> } | undefined;
  for await (const item of items) {
    const statements = statementsOf(item);
    const done: [Item, Results<S>] | undefined = running && [running.item, await running.results];
    running = { item, results: database.write(statements) };
    running.results.catch(() => undefined); // it is reported when the results are awaited
    if (done) yield done;
  }
  if (running) yield [running.item, await running.results];
}

/** About the characters of an item in a statement. */
function lengthOf(item: unknown): number {
  if (typeof item === 'string') return item.length;
  if (typeof item !== 'object' || item === null) return 1;
  return Object.values(item).reduce((sum: number, value) => sum + lengthOf(value), 0);
}
