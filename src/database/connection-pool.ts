import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { DatabaseError, Pool, PoolClient, QueryResult, QueryResultRow } from 'pg';
import { Problem, unavailable } from '../core/problem';
import { toProblem } from './database-errors';
import type { Statement } from './statement';

/** How many named statements a connection may keep: each takes about 10 KB of the server's memory. */
const maxStatements = 1000;

/** What became of each statement of a pipeline. */
export type Outcome = PromiseSettledResult<QueryResult<QueryResultRow>>;

/** A named statement, or plain text for BEGIN and COMMIT. */
export type SendableStatement = Pick<Statement, 'text'> & Partial<Statement>;

/** Connections to PostgreSQL that several statements can be pipelined on. */
export class ConnectionPool {
  private readonly logger = new Logger('SQL');
  /** The names of the statements that each connection keeps. */
  private readonly statementNames = new WeakMap<PoolClient, Set<string>>();

  /** @param isLogging whether the text of each statement is logged, without its values */
  constructor(
    private readonly pool: Pool,
    private readonly isLogging: boolean,
  ) {}

  /** @throws Problem 503 when no connection is available */
  async connect(): Promise<PoolClient> {
    try {
      const client = await this.pool.connect();
      // A connection in use that breaks emits an error; without a listener, that would end the process.
      if (client.listenerCount('error') === 0) client.on('error', (error) => this.logger.warn(String(error)));
      return client;
    } catch (error) {
      throw toThrowable(error);
    }
  }

  /**
   * Returns a connection to the pool. One that is not idle would take its transaction, and its user, to the next
   * request: it is closed instead, and so is one that keeps too many statements.
   */
  release(client: PoolClient): void {
    const isWorn = (this.statementNames.get(client)?.size ?? 0) > maxStatements;
    client.release(isWorn || client.getTransactionStatus() !== 'I');
  }

  /** Sends the statements in one packet and waits for the outcomes of all of them. */
  async send(client: PoolClient, statements: SendableStatement[]): Promise<Outcome[]> {
    const names = this.statementNames.get(client) ?? new Set();
    this.statementNames.set(client, names);
    for (const { name, text } of statements) {
      if (!name) continue;
      names.add(name);
      if (this.isLogging) this.logger.log(text);
    }
    return Promise.allSettled(
      inOnePacket(client, () => statements.map((statement) => client.query(statement))),
    );
  }

  /** Connects, sends the statements, and releases the connection. */
  async sendOnce(statements: SendableStatement[]): Promise<Outcome[]> {
    const client = await this.connect();
    try {
      return await this.send(client, statements);
    } finally {
      this.release(client);
    }
  }

  async ping(): Promise<void> {
    await this.pool.query('SELECT 1');
  }
}

/**
 * The rows of each statement.
 * @throws what made the first one fail; later failures only say that the transaction is aborted
 */
export function rowsOf(outcomes: Outcome[]): QueryResult<QueryResultRow>[] {
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw toThrowable(failed.reason);
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<QueryResult<QueryResultRow>>).value);
}

/** Without this, each statement is a packet of its own and wakes up both ends. */
function inOnePacket<T>(client: PoolClient, send: () => T): T {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

/** Problems stay as they are, errors from PostgreSQL become problems where they mean one, and a broken connection is a 503. */
export function toThrowable(error: unknown): unknown {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseError) return toProblem(error);
  const problem = unavailable('The database cannot be reached. Try again.');
  problem.cause = error;
  return problem;
}
