import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Client, Connection, DatabaseError } from 'pg';
import { Pipeline, PreparedStatements } from '../../src/database/pipeline';
import { sql, Statement } from '../../src/database/statement';
import { newDatabase } from '../setup/app';

let url: string;
let client: Client;
let prepared: PreparedStatements;
beforeAll(async () => {
  url = await newDatabase();
  client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE TABLE numbers (number integer PRIMARY KEY);
    CREATE TABLE references_to_numbers (number integer REFERENCES numbers DEFERRABLE INITIALLY DEFERRED)`);
});
beforeEach(async () => {
  await client.query('TRUNCATE numbers, references_to_numbers; DEALLOCATE ALL');
  prepared = new PreparedStatements();
});
afterAll(() => client.end());

const send = (...statements: Statement[]) => client.query(new Pipeline(statements, prepared)).outcome;
const insert = (number: number) => sql('INSERT INTO numbers VALUES (:number)', { number });
const all = sql('SELECT number FROM numbers ORDER BY number');
const numbers = async () => (await send(all)).results[0]!.rows.map(({ number }) => number);
const codeOf = (error: unknown) => (error instanceof DatabaseError ? error.code : error);

describe('a pipeline', () => {
  it('returns the rows and the command of each statement, also of one that occurs twice', async () => {
    for (const time of ['first', 'second']) {
      const { results, error } = await send(insert(1), all, insert(2), all, sql('DELETE FROM numbers'));
      expect([time, error, results]).toEqual([
        time,
        undefined,
        [
          { command: 'INSERT', rows: [] },
          { command: 'SELECT', rows: [{ number: 1 }] },
          { command: 'INSERT', rows: [] },
          { command: 'SELECT', rows: [{ number: 1 }, { number: 2 }] },
          { command: 'DELETE', rows: [] },
        ],
      ]);
    }
    expect(prepared.size).toBe(3);
  });

  it('converts values as pg does', async () => {
    const text = `SELECT :text::text AS text, :list::text[] AS list, :bytes::bytea AS bytes, :absent::uuid AS absent,
      :flag::boolean AS flag, :data::jsonb AS data, :number::integer AS number, :number::numeric AS numeric`;
    const values = {
      text: `ü'"\\ {}`,
      list: ['a,b', '"', '\\', null, 'NULL', ''],
      bytes: Buffer.from([0, 255]),
      absent: null,
      flag: true,
      data: { a: [1, null] },
      number: 42,
    };
    const { results } = await send(sql(text, values));
    expect(results[0]!.rows).toEqual([{ ...values, numeric: '42' }]);
  });

  it('is one transaction, in which no statement after a failed one is executed', async () => {
    const { results, error } = await send(insert(1), insert(1), insert(2));
    expect([codeOf(error), results.length]).toEqual(['23505', 1]);
    expect(await numbers()).toEqual([]);
  });

  it('has the error of a commit that fails', async () => {
    const { results, error } = await send(sql('INSERT INTO references_to_numbers VALUES (1)'), insert(2));
    expect([codeOf(error), results.length]).toEqual(['23503', 2]);
    expect(await numbers()).toEqual([]);
  });

  it('leaves the connection ready after an error, without listeners', async () => {
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
    const countListeners = () =>
      ['readyForQuery', 'end', 'noData'].map((event) => connection.listenerCount(event));
    const before = countListeners();
    for (let attempt = 0; attempt < 3; attempt++) {
      const { error } = await send(sql('SELECT no_such_column'), all);
      expect([codeOf(error), client.getTransactionStatus()]).toEqual(['42703', 'I']);
    }
    expect(countListeners()).toEqual(before);
  });

  it('ends after an error only when PostgreSQL is ready, even if that message arrives later', async () => {
    const connection = new EventEmitter();
    const pipeline = new Pipeline([all], prepared);
    const events: string[] = [];
    const ended = pipeline.outcome.then(() => events.push('ended'));
    pipeline.handleError(new DatabaseError('refused', 0, 'error'), connection as Connection);
    await nextTurn();
    events.push('ready');
    connection.emit('readyForQuery');
    await ended;
    expect(events).toEqual(['ready', 'ended']);
  });

  it('prepares a statement again that was parsed, but not described', async () => {
    const connection = Object.assign(new EventEmitter(), { stream: { writable: false } });
    const pipeline = new Pipeline([all], prepared);
    pipeline.submit(connection as unknown as Connection);
    connection.emit('parseComplete');
    pipeline.handleError(new DatabaseError('refused', 0, 'error'), connection as unknown as Connection);
    connection.emit('readyForQuery');
    await pipeline.outcome;
    expect((await send(insert(1), all)).results[1]!.rows).toEqual([{ number: 1 }]);
  });

  it('keeps an open transaction block, and aborts it after an error', async () => {
    const begin = sql('BEGIN');
    await send(begin, insert(1));
    expect([client.getTransactionStatus(), await numbers()]).toEqual(['T', [1]]);
    await send(insert(1));
    expect(client.getTransactionStatus()).toBe('E');
    await send(sql('ROLLBACK'));
    expect([client.getTransactionStatus(), await numbers()]).toEqual(['I', []]);
  });

  it('sends nothing if a value cannot be converted', async () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const { results, error } = await send(insert(1), sql('SELECT :data::jsonb', { data: circular }));
    expect([results, error]).toEqual([[], expect.any(TypeError)]);
    expect(await numbers()).toEqual([]);
  });

  it.each(['terminated', 'cut'])('ends with an error when the connection is %s', async (way) => {
    const lost = new Client({ connectionString: url });
    lost.on('error', () => undefined);
    await lost.connect();
    const { outcome } = lost.query(
      new Pipeline([insert(1), sql('SELECT pg_sleep(60)')], new PreparedStatements()),
    );
    const sleeping = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`;
    while ((await client.query(sleeping)).rowCount === 0);
    if (way === 'cut') (lost as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
    await client.query(`SELECT pg_terminate_backend(pid) FROM (${sleeping}) sleeping`);
    const { results, error } = await outcome;
    expect([results.length, codeOf(error)]).toEqual(
      way === 'cut' ? [0, new Error('Connection terminated unexpectedly')] : [1, '57P01'],
    );
    expect(await numbers()).toEqual([]);
  });
});
