import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DatabaseError, escapeLiteral, Pool, PoolClient, QueryArrayResult } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Config } from '../config';
import { currentUser } from '../http/current-user';
import { Problem, unavailable } from '../http/problem';
import { sql, Statement } from './statement';

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
    return this.fly(`BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ; ${enter()}`, statements);
  }

  /**
   * Writes as the current user: one statement that does check and act.
   * @returns its rows
   * @throws as `read`
   */
  async write(statement: Statement): Promise<Row[]> {
    const [rows] = await this.fly(`BEGIN; ${enter()}`, [statement]);
    return rows ?? [];
  }

  /**
   * For sign-up, sign-in and the refreshing of tokens, where there is no current user yet, and for passwords. It sees
   * accounts and sessions, and has no right on tasks and goals.
   * @returns its rows
   * @throws as `read`
   */
  async asAuthenticator(statement: Statement): Promise<Row[]> {
    const [rows] = await this.fly('BEGIN; SET LOCAL ROLE cairn_auth', [statement]);
    return rows ?? [];
  }

  /**
   * Background work in the name of a user: as many statements as it needs, in one transaction.
   * @throws as `read`, and what `work` throws; then nothing is written
   */
  async actAs<T>(
    user_id: string,
    work: (run: (statement: Statement) => Promise<Row[]>) => Promise<T>,
  ): Promise<T> {
    const client = await this.connect();
    const run = async (statement: Statement) => (await query(client, statement)).rows;
    try {
      await client.query('BEGIN');
      await run(sql('SELECT act_as(:user_id)', { user_id }));
      const result = await work(run);
      refuseUncommitted(await client.query('COMMIT'));
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw readable(error);
    } finally {
      release(client);
    }
  }

  /** Whether PostgreSQL answers within two seconds, however long requests may wait for a connection. */
  async ping(): Promise<boolean> {
    const answer = this.pool.query('SELECT 1').then(
      () => true,
      () => false,
    );
    return Promise.race([answer, delay(2000, false, { ref: false })]);
  }

  private async fly(begin: string, statements: Statement[]): Promise<Row[][]> {
    if (this.config.sqlEcho) statements.forEach(({ text }) => this.logger.log(text));
    const flight = [{ text: begin }, ...statements, { text: 'COMMIT' }];
    let landed = await this.send(flight);
    for (let again = 1; again <= 2 && mayTryAgain(landed, again); again++) landed = await this.send(flight);
    // The first failure is the cause: those after it only say that the transaction is aborted.
    const failed = landed.find((outcome) => outcome.status === 'rejected');
    if (failed) throw readable(failed.reason);
    const results = landed.map((outcome) => (outcome as PromiseFulfilledResult<QueryArrayResult<Row>>).value);
    refuseUncommitted(results.at(-1));
    return results.slice(1, -1).map(({ rows }) => rows);
  }

  private async send(flight: Partial<Statement>[]): Promise<PromiseSettledResult<QueryArrayResult<Row>>[]> {
    const client = await this.connect();
    try {
      return await Promise.allSettled(
        inOnePacket(client, () => flight.map((statement) => query(client, statement))),
      );
    } finally {
      const seen = this.seen.get(client) ?? this.seen.set(client, new Set()).get(client)!;
      for (const { name } of flight) if (name) seen.add(name);
      release(client, seen.size > maxStatements);
    }
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
  const { session_id, user_id } = currentUser();
  return `SELECT enter(${escapeLiteral(session_id)}, ${escapeLiteral(user_id)})`;
}

function query(client: PoolClient, statement: Partial<Statement>): Promise<QueryArrayResult<Row>> {
  return client.query<Row>({ text: '', ...statement, rowMode: 'array' });
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

/** A connection that is not idle would take this user's transaction to the next one: it is closed instead. */
function release(client: PoolClient, isWorn = false): void {
  client.release(isWorn || client.getTransactionStatus() !== 'I');
}

/** After an error, COMMIT succeeds by rolling back: only its tag tells. */
function refuseUncommitted(commit: { command: string } | undefined): void {
  if (commit?.command !== 'COMMIT') throw unavailable('The database did not commit. Try again.');
}

/**
 * Whether nothing was done, and another try may do it: once, when the connection was dead before it began (the server
 * restarted meanwhile); twice, when PostgreSQL ended the transaction for the sake of another one.
 */
function mayTryAgain(landed: PromiseSettledResult<unknown>[], again: number): boolean {
  const [first] = landed;
  if (first?.status === 'rejected') return again === 1 && isLost(first.reason);
  const failed = landed.find((outcome) => outcome.status === 'rejected');
  return failed?.reason instanceof DatabaseError && ['40001', '40P01'].includes(failed.reason.code ?? '');
}

function isLost(error: unknown): boolean {
  return !(error instanceof DatabaseError) || (error.code ?? '').startsWith('57P0');
}

/** What PostgreSQL said is kept; what happened on the way to it is a 503. */
function readable(error: unknown): unknown {
  if (error instanceof DatabaseError || error instanceof Problem) return error;
  const problem = unavailable('The database cannot be reached. Try again.');
  problem.cause = error;
  return problem;
}
