import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DatabaseError, Pool, PoolClient, QueryArrayResult } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Config } from '../config';
import { currentUser } from '../http/current-user';
import { unavailable } from '../http/problem';
import { sql, Statement } from './statement';

/** One row of an answer: its columns in the order of the statement. */
export type Row = unknown[];

/**
 * The way of every statement to PostgreSQL: `BEGIN · enter(session, user) · the statements · COMMIT`, sent in one
 * flight on a pipelined connection. `enter` refuses a session that is no longer alive, and then nothing else happens.
 */
@Injectable()
export class Database {
  private readonly pool: Pool;

  private readonly logger = new Logger('SQL');

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
    const [, ...results] = await this.fly('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', [
      enter(),
      ...statements,
    ]);
    return results;
  }

  /**
   * Writes as the current user: one statement that does check and act.
   * @returns its rows
   * @throws as `read`
   */
  async write(statement: Statement): Promise<Row[]> {
    const [, rows] = await this.fly('BEGIN', [enter(), statement]);
    return rows ?? [];
  }

  /**
   * For sign-up, sign-in and the refreshing of tokens, where there is no current user yet.
   * @returns its rows
   * @throws as `read`
   */
  async asAuthenticator(statement: Statement): Promise<Row[]> {
    const [rows] = await this.fly('BEGIN', [statement]);
    return rows ?? [];
  }

  /** Whether PostgreSQL answers. */
  async ping(): Promise<boolean> {
    try {
      await this.pool.query('SELECT 1');
      return true;
    } catch {
      return false;
    }
  }

  private async fly(begin: string, statements: Statement[]): Promise<Row[][]> {
    if (this.config.sqlEcho) statements.forEach(({ text }) => this.logger.log(text));
    const client = await this.connect();
    try {
      const flight = [{ text: begin }, ...statements, { text: 'COMMIT' }];
      const landed = await Promise.allSettled(
        flight.map((statement) => client.query<Row>({ ...statement, rowMode: 'array' })),
      );
      // The first failure is the cause: those after it only say that the transaction is aborted.
      const failed = landed.find((outcome) => outcome.status === 'rejected');
      if (failed) throw readable(failed.reason);
      const results = landed.map(
        (outcome) => (outcome as PromiseFulfilledResult<QueryArrayResult<Row>>).value,
      );
      if (results.at(-1)?.command !== 'COMMIT') throw unavailable('The database did not commit. Try again.');
      return results.slice(1, -1).map(({ rows }) => rows);
    } finally {
      // A connection that is not idle would take this user's transaction to the next one.
      client.release(client.getTransactionStatus() !== 'I');
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

function enter(): Statement {
  const { session_id, user_id } = currentUser();
  return sql('SELECT enter(:session_id, :user_id)', { session_id, user_id });
}

/** What PostgreSQL said is kept; what happened on the way to it is a 503. */
function readable(error: unknown): unknown {
  if (error instanceof DatabaseError) return error;
  const problem = unavailable('The database cannot be reached. Try again.');
  problem.cause = error;
  return problem;
}
