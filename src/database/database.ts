import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import pLimit from 'p-limit';
import { DatabaseError, escapeLiteral, Pool, PoolClient, QueryArrayResult } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Config } from '../config';
import { currentUser } from '../http/current-request';
import { Problem, unavailable } from '../http/problem';
import { Statement } from './statement';

/** How many statements a connection may keep: each takes some 10 KB of the server's memory. */
const maxStatements = 1000;

/** One row of an answer: its columns in the order of the statement. */
export type Row = unknown[];

/**
 * The way of every statement to PostgreSQL: `BEGIN; enter(session, user) · the statements · COMMIT`, sent in one
 * flight on a pipelined connection. `enter` refuses a session that is no longer alive, and then nothing else happens;
 * it also takes the restricted role, so that policies show the user's own rows and no others.
 */
@Injectable()
export class Database {
  private readonly pool: Pool;
  private readonly logger = new Logger('SQL');
  /** The writes of each user that has some under way. */
  private readonly queues = new Map<string, ReturnType<typeof pLimit>>();
  /** The connection of the transaction that is under way here. */
  private readonly transactions = new AsyncLocalStorage<PoolClient>();
  /** A connection keeps every statement that it was given a name for; one that has seen too many is replaced. */
  private readonly seen = new WeakMap<PoolClient, Set<string>>();

  constructor(
    @InjectDataSource() dataSource: DataSource,
    private readonly config: Config,
  ) {
    this.pool = (dataSource.driver as PostgresDriver).master as Pool;
  }

  /**
   * Reads as the current user, all statements from one snapshot.
   * @returns the rows of each statement
   * @throws DatabaseError what PostgreSQL refused · Problem 503 when it cannot be reached
   */
  async read(...statements: Statement[]): Promise<Row[][]> {
    return (
      this.join(statements) ??
      this.fly(`BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ; ${enter()}`, statements)
    );
  }

  /**
   * Writes as the current user. One user's writes wait for each other: what one of them has seen is still true when it
   * is stored. Those of this instance wait here, so that they keep no connections from others.
   * @returns the rows of each statement
   * @throws as `read`
   */
  async write(...statements: Statement[]): Promise<Row[][]> {
    return (
      this.join(statements) ?? this.inTurn(() => this.fly(`BEGIN; ${takeTurn()}; ${enter()}`, statements))
    );
  }

  /**
   * All that `work` reads and writes as the current user, in one transaction: it happens, or nothing does.
   * @throws as `read`, and what `work` throws
   */
  async inTransaction<T>(work: () => Promise<T>): Promise<T> {
    return this.inTurn(() =>
      this.transaction(`BEGIN; ${takeTurn()}; ${enter()}`, (client) => this.transactions.run(client, work)),
    );
  }

  /**
   * Writes as `write` does, something that a change of the account's password or rights must end: such changes wait
   * until it is there.
   */
  async writeBeforeChanges(...statements: Statement[]): Promise<Row[][]> {
    const hold = `SELECT lock_account(${literal(currentUser().user_id)})`;
    return this.inTurn(() => this.fly(`BEGIN; ${takeTurn()}; ${hold}; ${enter()}`, statements));
  }

  /**
   * For sign-up, sign-in and the refreshing of tokens, where there is no current user yet, and for passwords, mails and
   * limits. It sees accounts and sessions, and has no right on tasks and goals.
   * @returns the rows of each statement
   * @throws as `read`
   */
  async asAuthenticator(...statements: Statement[]): Promise<Row[][]> {
    return this.fly('BEGIN; SET LOCAL ROLE cairn_auth', statements);
  }

  /**
   * For the administration of accounts by the current user, who must be a superuser. It sees all accounts, and has no
   * right on tasks and goals.
   * @returns the rows of each statement
   * @throws as `read` · DatabaseError ZC403 for anybody else
   */
  async asAdministrator(...statements: Statement[]): Promise<Row[][]> {
    const { user_id, session_id } = currentUser();
    const enter = `SELECT enter_as_administrator(${literal(session_id)}, ${literal(user_id)})`;
    return this.fly(`BEGIN; ${enter}`, statements);
  }

  /** For the operator's commands on accounts: with an administrator's rights, and without a user. */
  async asOperator(...statements: Statement[]): Promise<Row[][]> {
    return this.fly('BEGIN; SET LOCAL ROLE cairn_admin', statements);
  }

  /** For what is removed for ever: it sees whose trash is how old, accounts that are deactivated and sessions that have ended. */
  async asPurger(...statements: Statement[]): Promise<Row[][]> {
    return this.fly('BEGIN; SET LOCAL ROLE cairn_purge', statements);
  }

  /**
   * Background work in the name of a user, in the user's turn: as many statements as it needs, in one transaction.
   * @throws as `read`, and what `work` throws; then nothing is written
   */
  async actAs<T>(
    user_id: string,
    work: (run: (statement: Statement) => Promise<Row[]>) => Promise<T>,
  ): Promise<T> {
    return this.transaction(`BEGIN; ${takeTurn(user_id)}; SELECT act_as(${literal(user_id)})`, (client) =>
      work(async (statement) => (await query(client, statement)).rows),
    );
  }

  /** Whether PostgreSQL answers within two seconds, however long requests may wait for a connection. */
  async ping(): Promise<boolean> {
    const answer = this.pool.query('SELECT 1').then(
      () => true,
      () => false,
    );
    return Promise.race([answer, delay(2000, false, { ref: false })]);
  }

  /** Begins when those writes of the current user that came before have ended. */
  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { user_id } = currentUser();
    const latest = performance.now() + 1000 * this.config.databasePoolTimeout;
    const queue = this.queues.get(user_id) ?? pLimit(1);
    this.queues.set(user_id, queue);
    try {
      return await queue(() => {
        if (performance.now() > latest) throw unavailable('Your other changes take too long. Try again.');
        return work();
      });
    } finally {
      if (queue.activeCount + queue.pendingCount === 0) this.queues.delete(user_id);
    }
  }

  private async transaction<T>(begin: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.connect();
    try {
      await client.query(begin);
      const result = await work(client);
      refuseUncommitted(await client.query('COMMIT'));
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw readable(error);
    } finally {
      this.release(client);
    }
  }

  /** Sends them in the transaction that is under way here. Undefined where there is none. */
  private join(statements: Statement[]): Promise<Row[][]> | undefined {
    const client = this.transactions.getStore();
    return client && this.settle(client, statements).then((landed) => rowsOf(resultsOf(landed)));
  }

  private async fly(begin: string, statements: Statement[]): Promise<Row[][]> {
    const flight = [{ text: begin }, ...statements, { text: 'COMMIT' }];
    let landed = await this.send(flight);
    const isReading = begin.startsWith('BEGIN READ ONLY');
    for (let again = 1; again <= 2 && mayTryAgain(landed, again, isReading); again++) {
      landed = await this.send(flight);
    }
    const results = resultsOf(landed);
    refuseUncommitted(results.at(-1));
    return rowsOf(results.slice(1, -1));
  }

  private async send(flight: Partial<Statement>[]): Promise<PromiseSettledResult<QueryArrayResult<Row>>[]> {
    const client = await this.connect();
    try {
      return await this.settle(client, flight);
    } finally {
      this.release(client);
    }
  }

  /** Sends them in one packet, and waits for all that becomes of them. */
  private settle(
    client: PoolClient,
    statements: Partial<Statement>[],
  ): Promise<PromiseSettledResult<QueryArrayResult<Row>>[]> {
    const seen = this.seen.get(client) ?? this.seen.set(client, new Set()).get(client)!;
    for (const { name, text } of statements) {
      if (!name) continue;
      seen.add(name);
      if (this.config.sqlEcho) this.logger.log(text);
    }
    return Promise.allSettled(
      inOnePacket(client, () => statements.map((statement) => query(client, statement))),
    );
  }

  /** A connection that is not idle would take this user's transaction to the next one: it is closed instead. */
  private release(client: PoolClient): void {
    const isWorn = (this.seen.get(client)?.size ?? 0) > maxStatements;
    client.release(isWorn || client.getTransactionStatus() !== 'I');
  }

  private async connect(): Promise<PoolClient> {
    try {
      const client = await this.pool.connect();
      // A connection that dies in use says so here too; unheard, that would end the process.
      if (client.listenerCount('error') === 0) client.on('error', (error) => this.logger.warn(String(error)));
      return client;
    } catch (error) {
      throw readable(error);
    }
  }
}

/** In one message with BEGIN: a message of its own costs both ends more than parsing so short a statement. */
function enter(): string {
  const { session_id, token_id, user_id, isVerifiedOnly } = currentUser();
  const [by, id] = session_id === null ? ['enter_by_token', token_id] : ['enter', session_id];
  return `SELECT ${by}(${literal(id)}, ${literal(user_id)})${isVerifiedOnly ? '; SELECT refuse_unverified()' : ''}`;
}

function takeTurn(user_id = currentUser().user_id): string {
  return `SELECT lock_user_writes(${literal(user_id)})`;
}

function literal(value: string | null): string {
  return value === null ? 'NULL' : escapeLiteral(value);
}

function query(client: PoolClient, statement: Partial<Statement>): Promise<QueryArrayResult<Row>> {
  return client.query<Row>({ text: '', ...statement, rowMode: 'array' });
}

/** The first failure is the cause: those after it only say that the transaction is aborted. */
function resultsOf(landed: PromiseSettledResult<QueryArrayResult<Row>>[]): QueryArrayResult<Row>[] {
  const failed = landed.find((outcome) => outcome.status === 'rejected');
  if (failed) throw readable(failed.reason);
  return landed.map((outcome) => (outcome as PromiseFulfilledResult<QueryArrayResult<Row>>).value);
}

function rowsOf(results: QueryArrayResult<Row>[]): Row[][] {
  return results.map(({ rows }) => rows);
}

/** Else each statement is a packet of its own, and wakes both ends. */
function inOnePacket<T>(client: PoolClient, send: () => T): T {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

/** After an error, COMMIT succeeds by rolling back: only its tag tells. */
function refuseUncommitted(commit: { command: string } | undefined): void {
  if (commit?.command !== 'COMMIT') throw unavailable('The database did not commit. Try again.');
}

/**
 * Whether nothing was done, and another try may do it: once, when the connection ended before it began (the server
 * restarted meanwhile); twice, when PostgreSQL ended the transaction for the sake of another one. A connection that ends
 * without a word may have done all of it: only reading is tried again then.
 */
function mayTryAgain(landed: PromiseSettledResult<unknown>[], again: number, isReading: boolean): boolean {
  const [first] = landed;
  if (first?.status === 'rejected') {
    const { reason } = first as { reason: unknown };
    const isSafe = reason instanceof DatabaseError ? (reason.code ?? '').startsWith('57P0') : isReading;
    return again === 1 && isSafe;
  }
  const failed = landed.find((outcome) => outcome.status === 'rejected');
  return failed?.reason instanceof DatabaseError && ['40001', '40P01'].includes(failed.reason.code ?? '');
}

/** What PostgreSQL said is kept; what happened on the way to it is a 503. */
function readable(error: unknown): unknown {
  if (error instanceof DatabaseError || error instanceof Problem) return error;
  const problem = unavailable('The database cannot be reached. Try again.');
  problem.cause = error;
  return problem;
}
