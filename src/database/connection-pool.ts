import { Logger } from '@nestjs/common';
import { DatabaseError, Pool, PoolClient } from 'pg';
import { connectionWaits, statementDurations } from '../core/metrics';
import { Problem, unavailable } from '../core/problem';
import { addClientSpan, isTraced } from '../core/tracing';
import { standbyMessage, toProblem } from './database-errors';
import { Pipeline, PipelineOutcome, PreparedStatements, StatementResult } from './pipeline';
import { sql, Statement } from './statement';

/** Maximum number of prepared statements per connection. Each takes about 10 KB of the server's memory. */
const maxStatements = 1000;

/** The first table of a statement, but not a function. */
const tablePattern = /(?<=\b(?:INTO|UPDATE)\s+"?)\w+|(?<=\bFROM\s+"?)\w+\b(?!"?\s*[(…])/;

/** Characters of the text of a slow statement in the log. */
const maxLoggedText = 1000;

/** Connections to PostgreSQL. */
export class ConnectionPool {
  private readonly logger = new Logger('SQL');
  private readonly preparedStatements = new WeakMap<PoolClient, PreparedStatements>();

  /**
   * @param isLogging whether the text of each statement is logged, without its values
   * @param slowStatementMs milliseconds from which a statement is logged in any case
   */
  constructor(
    private readonly pool: Pool,
    private readonly isLogging: boolean,
    private readonly slowStatementMs: number,
  ) {}

  /** Connections that are in use, that are idle, and requests that wait for one. */
  get state(): { busy: number; idle: number; waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.pool;
    return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
  }

  /** @throws Problem 503 when no connection is available */
  async connect(): Promise<PoolClient> {
    const start = performance.now();
    try {
      const client = await this.pool.connect();
      // A connection that breaks while in use emits an error, which would end the process without a listener.
      if (client.listenerCount('error') === 0) client.on('error', (error) => this.logger.warn(String(error)));
      return client;
    } catch (error) {
      throw toThrowable(error);
    } finally {
      connectionWaits.observe((performance.now() - start) / 1000);
    }
  }

  /**
   * Returns a connection to the pool. It is closed instead if it has too many prepared statements, or if its transaction
   * is still open: the next request would otherwise run in that transaction, as its user.
   */
  release(client: PoolClient): void {
    const hasTooManyStatements = (this.preparedStatements.get(client)?.size ?? 0) > maxStatements;
    client.release(hasTooManyStatements || client.getTransactionStatus() !== 'I');
  }

  /** Sends the statements in one message and waits until all have ended, or one has failed. */
  async send(client: PoolClient, statements: Statement[]): Promise<PipelineOutcome> {
    let prepared = this.preparedStatements.get(client);
    if (!prepared) this.preparedStatements.set(client, (prepared = new PreparedStatements()));
    if (this.isLogging) {
      for (const { isControl, text } of statements)
        if (!isControl) this.logger.log(text.replace(/\s+/g, ' '));
    }
    const start = performance.now();
    const outcome = await client.query(new Pipeline(statements, prepared)).outcome;
    this.record(statements, start, performance.now(), outcome.error);
    return outcome;
  }

  /** @param statements their results arrive together: the first one that does more than begin a transaction names them */
  private record(statements: Statement[], start: number, end: number, error: unknown): void {
    const { kind, text } = statements.find(({ isControl }) => !isControl) ?? statements[0]!;
    const ms = end - start;
    statementDurations.observe({ kind }, ms / 1000);
    if (isTraced()) addStatementSpan(kind, text, start, end, errorTypeOf(error));
    if (ms < this.slowStatementMs) return;
    const loggedText = text.replace(/\s+/g, ' ').slice(0, maxLoggedText);
    this.logger.warn({ msg: 'Slow statement', kind, duration_ms: Math.round(ms), text: loggedText });
  }

  /** Connects, sends the statements, and releases the connection, after a ROLLBACK if a failed transaction is still open. */
  async sendOnce(statements: Statement[]): Promise<PipelineOutcome> {
    const client = await this.connect();
    try {
      const outcome = await this.send(client, statements);
      if (client.getTransactionStatus() === 'E') await client.query('ROLLBACK').catch(() => undefined);
      return outcome;
    } finally {
      this.release(client);
    }
  }

  /** @throws Problem 503 if the database cannot serve requests */
  async ping(): Promise<void> {
    const [result] = resultsOf(await this.sendOnce([sql('SELECT pg_is_in_recovery() AS is_standby')]));
    if (result!.rows[0]!.is_standby) throw unavailable(standbyMessage);
  }
}

/** https://opentelemetry.io/docs/specs/semconv/db/postgresql/, without the text. */
function addStatementSpan(
  kind: string,
  text: string,
  start: number,
  end: number,
  errorType: string | undefined,
): void {
  const operation = kind.toUpperCase();
  const table = tableOf(kind, text);
  const summary = table === undefined ? operation : `${operation} ${table}`;
  const attributes = {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    'db.query.summary': summary,
    'db.response.status_code': errorType,
  };
  addClientSpan(summary, attributes, start, end, errorType);
}

/** The table that a statement reads or writes: the first one that is not in parentheses, otherwise the first one. */
function tableOf(kind: string, text: string): string | undefined {
  let outer = text;
  for (let previous = ''; kind !== 'with' && previous !== outer;) {
    previous = outer;
    outer = outer.replace(/\([^()]*\)/g, '…');
  }
  return (tablePattern.exec(outer) ?? tablePattern.exec(text))?.[0];
}

/** The SQLSTATE; undefined without an error. */
function errorTypeOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  return (error instanceof DatabaseError ? error.code : undefined) ?? 'connection';
}

/**
 * The result of each statement.
 * @throws Problem or DatabaseError if one has failed
 */
export function resultsOf({ results, error }: PipelineOutcome): StatementResult[] {
  if (error !== undefined) throw toThrowable(error);
  return results;
}

/** Maps an error of PostgreSQL to the corresponding problem, and an error of the connection to a 503. */
export function toThrowable(error: unknown): unknown {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseError) return toProblem(error);
  const problem = unavailable('The database cannot be reached. Try again.');
  problem.cause = error;
  return problem;
}
