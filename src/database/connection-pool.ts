import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { DatabaseError, Pool, PoolClient, QueryResult, QueryResultRow } from 'pg';
import { connectionWaits, statementDurations } from '../core/metrics';
import { Problem, unavailable } from '../core/problem';
import { addClientSpan, isTraced } from '../core/tracing';
import { standbyMessage, toProblem } from './database-errors';
import { sql, Statement } from './statement';

/** Maximum number of prepared statements per connection. Each takes about 10 KB of the server's memory. */
const maxStatements = 1000;

/** The first table of a statement, but not a function. */
const tablePattern = /(?<=\b(?:INTO|UPDATE)\s+"?)\w+|(?<=\bFROM\s+"?)\w+\b(?!"?\s*[(…])/;

/** Characters of the text of a slow statement in the log. */
const maxLoggedText = 1000;

/** The result or the error of one statement of a pipeline. */
export type Outcome = PromiseSettledResult<QueryResult<QueryResultRow>>;

/** A named statement, or plain text for BEGIN and COMMIT. */
export type SendableStatement = Pick<Statement, 'text'> & Partial<Statement>;

/** Connections to PostgreSQL that several statements can be pipelined on. */
export class ConnectionPool {
  private readonly logger = new Logger('SQL');
  private readonly statementNames = new WeakMap<PoolClient, StatementNames>();

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
    const hasTooManyStatements = (this.statementNames.get(client)?.size ?? 0) > maxStatements;
    client.release(hasTooManyStatements || client.getTransactionStatus() !== 'I');
  }

  /** Sends the statements in one packet and waits for the outcomes of all of them. */
  async send(client: PoolClient, statements: SendableStatement[]): Promise<Outcome[]> {
    const names = this.statementNames.get(client) ?? new StatementNames(client);
    this.statementNames.set(client, names);
    if (this.isLogging) {
      for (const { name, text } of statements) if (name) this.logger.log(text.replace(/\s+/g, ' '));
    }
    const named = statements.map(({ name, ...statement }) =>
      name ? { ...statement, name: names.nameOf(name) } : statement,
    );
    const queries = inOnePacket(client, () => named.map((statement) => client.query(statement)));
    // PostgreSQL executes the statements one after the other: each starts when the one before has ended.
    let start = performance.now();
    return Promise.all(
      queries.map(async (query: Promise<QueryResult<QueryResultRow>>, index): Promise<Outcome> => {
        const { name, text } = statements[index]!;
        let errorType: string | undefined;
        try {
          return { status: 'fulfilled', value: await query };
        } catch (reason) {
          errorType = errorTypeOf(reason);
          if (name) names.replaceUnlessPrepared(name);
          return { status: 'rejected', reason };
        } finally {
          const end = performance.now();
          this.record(text, start, end, errorType);
          start = end;
        }
      }),
    );
  }

  private record(text: string, start: number, end: number, errorType: string | undefined): void {
    const kind = kindOf(text);
    const ms = end - start;
    statementDurations.observe({ kind }, ms / 1000);
    if (isTraced()) addStatementSpan(kind, text, start, end, errorType);
    if (ms < this.slowStatementMs) return;
    // The statement before the others contains ids.
    const loggedText = kind === 'begin' ? undefined : text.replace(/\s+/g, ' ').slice(0, maxLoggedText);
    this.logger.warn({ msg: 'Slow statement', kind, duration_ms: Math.round(ms), text: loggedText });
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

  /** @throws Problem 503 if the database cannot serve requests */
  async ping(): Promise<void> {
    const [outcome] = await this.sendOnce([sql('SELECT pg_is_in_recovery() AS is_standby')]);
    const [row] = rowsOf([outcome!])[0]!.rows as { is_standby: boolean }[];
    if (row?.is_standby) throw unavailable(standbyMessage);
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
  if (kind === 'begin') return undefined; // it is sent together with calls of functions
  let outer = text;
  for (let previous = ''; kind !== 'with' && previous !== outer;) {
    previous = outer;
    outer = outer.replace(/\([^()]*\)/g, '…');
  }
  return (tablePattern.exec(outer) ?? tablePattern.exec(text))?.[0];
}

/** The SQLSTATE. */
function errorTypeOf(error: unknown): string {
  return (error instanceof DatabaseError ? error.code : undefined) ?? 'connection';
}

/** The first word of a statement, which is one of a few. */
function kindOf(text: string): string {
  const [, word = ''] = /^(?:[\s(]|--.*\n)*(\w+)/.exec(text) ?? [];
  return word.toLowerCase();
}

/**
 * The names of the prepared statements of one connection. A name whose preparation failed, for example because an earlier
 * statement had aborted the transaction, is not sent again: PgBouncer considers it in use and closes the connection
 * (https://github.com/pgbouncer/pgbouncer/issues/1118).
 */
class StatementNames {
  private readonly names = new Map<string, string>();
  private replacements = 0;

  constructor(private readonly client: PoolClient) {}

  /** How many names were sent. */
  get size(): number {
    return this.names.size + this.replacements;
  }

  nameOf(statement: string): string {
    const name = this.names.get(statement) ?? statement;
    this.names.set(statement, name);
    return name;
  }

  replaceUnlessPrepared(statement: string): void {
    const { parsedStatements } = (this.client as unknown as ClientInternals).connection;
    if (parsedStatements[this.nameOf(statement)] !== undefined) return;
    this.replacements++;
    this.names.set(statement, `${statement}_${this.replacements}`);
  }
}

/** What pg does not declare. */
interface ClientInternals {
  connection: { stream: Socket; parsedStatements: Record<string, string | undefined> };
}

/**
 * The rows of each statement.
 * @throws the error of the first statement that failed; later errors only report that the transaction is aborted
 */
export function rowsOf(outcomes: Outcome[]): QueryResult<QueryResultRow>[] {
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw toThrowable(failed.reason);
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<QueryResult<QueryResultRow>>).value);
}

/** Buffers what `send` writes to the socket. Otherwise each statement would be sent in a separate packet. */
function inOnePacket<T>(client: PoolClient, send: () => T): T {
  const { stream } = (client as unknown as ClientInternals).connection;
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

/** Maps an error of PostgreSQL to the corresponding problem, and an error of the connection to a 503. */
export function toThrowable(error: unknown): unknown {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseError) return toProblem(error);
  const problem = unavailable('The database cannot be reached. Try again.');
  problem.cause = error;
  return problem;
}
