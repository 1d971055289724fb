import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DatabaseError, Pool, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Config } from '../core/config';
import type { JsonText } from '../core/json-text';
import { Precondition, versionedTables } from '../core/preconditions';
import { Problem, unavailable } from '../core/problem';
import { currentPrecondition, currentUser, isDryRun, setPrecondition } from '../core/request-context';
import { inSpan } from '../core/tracing';
import { ConnectionPool, resultsOf, toThrowable } from './connection-pool';
import type { PipelineOutcome, StatementResult } from './pipeline';
import { control, Statement } from './statement';
import { TableKeys, tableKeysOf } from './table-keys';
import { UserQueues } from './user-queues';
import { rowIdOf, versionCheck } from './version-check';

/** One user can use this fraction of the connections. */
const connectionShares = 4;

/** Characters of large responses of one user that the client has not received: a few of the largest pages. */
const maxUnsent = 8_000_000;

/** Characters of large responses of all users that the clients have not received. */
const maxUnsentInTotal = 64_000_000;

/** Statements that are sent together. The caller chooses their names. Optional ones may be undefined. */
export type Statements = Record<string, Statement | undefined>;

/** The rows of each statement by its name. Undefined statements have no rows. */
export type Results<S extends Statements> = {
  [Name in keyof S]-?: S[Name] extends Statement<infer Row> | undefined ? Row[] : never;
};

/** The role that an interactive transaction has. */
type Actor = 'user' | 'authenticator';

interface Transaction {
  client: PoolClient;
  actor: Actor;
  /** The precondition that was checked last. Later, the transaction itself may have changed the version. */
  checked?: Precondition;
}

/**
 * Sends every statement to PostgreSQL, in a transaction under a restricted role: `enter(session, user)` and the statements
 * travel in one message, and PostgreSQL commits at its end. `enter` refuses a session that is no longer valid, and then no
 * statement takes effect. It also switches to a role for which row-level security shows only the user's own rows.
 *
 * All methods throw a Problem if the error corresponds to one (503 if PostgreSQL cannot be reached), and otherwise the
 * DatabaseError. The transactions of the current user wait in a queue, where they hold no connections: each user can use
 * only a part of them (docs/decisions/0023).
 */
@Injectable()
export class Database {
  private readonly pool: ConnectionPool;
  private readonly userQueues: UserQueues;
  /** The quotas as JSON, for the triggers that enforce them (src/limits/quotas.sql). */
  private readonly quotas: string;
  /** The interactive transaction of the current call chain. */
  private readonly transactions = new AsyncLocalStorage<Transaction>();
  private readonly readers = new Map<string, ((id: string) => Promise<JsonText>)[]>();

  /** Parents come before their children. */
  readonly tables: readonly TableKeys[];

  constructor(@InjectDataSource() dataSource: DataSource, config: Config) {
    this.tables = tableKeysOf(dataSource);
    for (const { name, isVersioned } of this.tables) if (isVersioned) versionedTables.add(name);
    this.pool = new ConnectionPool(
      (dataSource.driver as PostgresDriver).master as Pool,
      config.sqlEcho,
      config.slowStatementMs,
    );
    this.quotas = JSON.stringify(config.quotas);
    this.userQueues = new UserQueues({
      // Several users are needed to take all connections.
      running: Math.max(1, Math.floor(config.databasePoolSize / connectionShares)),
      slow: config.slowStatementMs,
      waiting: config.userQueueSize,
      wait: 1000 * config.databasePoolTimeout,
      unsent: maxUnsent,
      unsentInTotal: maxUnsentInTotal,
    });
  }

  /** Reads as the current user; all statements see one snapshot. */
  read<S extends Statements>(statements: S): Promise<Results<S>> {
    return (
      this.sendInTransaction('user', statements) ??
      this.queue(() => this.send('read', enter(), statements, preconditionFor('user')))
    );
  }

  /** Several reads as the current user, one after the other, that see one snapshot. */
  readTransaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.isInTransaction) return work();
    return this.queue(() => this.transaction([beginReading, ...enter()], 'user', work));
  }

  /**
   * Adds a way to read a row, for responses that show its current state.
   * @param read throws a Problem if it cannot reach the row: then the next reader of the table is tried
   */
  addReader(table: string, read: (id: string) => Promise<JsonText>): void {
    this.readers.set(table, [...(this.readers.get(table) ?? []), read]);
  }

  /**
   * Writes as the current user. The writes of one user are serialized: what one of them has read is still true when it
   * commits.
   */
  write<S extends Statements>(statements: S): Promise<Results<S>> {
    return (
      this.sendInTransaction('user', statements) ??
      this.serialize(() =>
        this.send('write', [this.lockWrites(), ...enter()], statements, preconditionFor('user')),
      )
    );
  }

  /**
   * Several reads and writes as the current user, in one transaction: all take effect, or none. In a transaction, `work`
   * becomes part of it.
   * @param work may be run again after a deadlock
   * @param idempotencyKey identifies the request: while another transaction with it is running, this one is refused
   */
  writeTransaction<T>(work: () => Promise<T>, idempotencyKey?: string): Promise<T> {
    if (this.isInTransaction) return work();
    // Before the lock on the writes of the user, for which the other transaction would make this one wait.
    const lockKey =
      idempotencyKey === undefined
        ? []
        : [
            control('SELECT lock_idempotency_key(:user_id, :key)', {
              user_id: currentUser().userId,
              key: idempotencyKey,
            }),
          ];
    return this.serialize(() =>
      this.transaction([begin, ...lockKey, this.lockWrites(), ...enter()], 'user', work),
    );
  }

  /** Like `writeTransaction`, but rolls back what `work` has written. */
  dryRun<T>(work: () => Promise<T>): Promise<T> {
    return this.runInQueue(true, () =>
      this.transaction([begin, this.lockWrites(), ...enter()], 'user', work, rollback),
    );
  }

  /**
   * Runs a part of a transaction that may fail without the others: then its own writes are rolled back. Outside of a
   * transaction, its statements have their own.
   */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    const transaction = this.transactions.getStore();
    if (!transaction) return work();
    await this.sendAll(transaction.client, [control('SAVEPOINT attempt')]);
    try {
      const result = await work();
      await this.sendAll(transaction.client, [control('RELEASE SAVEPOINT attempt')]);
      return result;
    } catch (error) {
      await this.sendAll(transaction.client, [control('ROLLBACK TO SAVEPOINT attempt')]);
      throw await this.withCurrentRow(error);
    }
  }

  /**
   * Like `write`, for rows that a change of the account's password or rights must delete: such changes wait until this
   * transaction has committed.
   */
  writeLockingAccount<S extends Statements>(statements: S): Promise<Results<S>> {
    const lockAccount = control('SELECT lock_account(:user_id)', { user_id: currentUser().userId });
    return this.serialize(() => this.send('write', [this.lockWrites(), lockAccount, ...enter()], statements));
  }

  /**
   * For registration, sign-in and token refresh, where there is no current user yet, and for passwords, mails and rate
   * limits. The role reads and writes accounts and sessions, and has no rights on tasks and goals.
   */
  asAuthenticator<S extends Statements>(statements: S): Promise<Results<S>> {
    return (
      this.sendInTransaction('authenticator', statements) ??
      this.send('write', [takeRole('cairn_auth')], statements)
    );
  }

  /** Several calls of `asAuthenticator` in one transaction. @param work may be run again after a deadlock */
  async authenticatorTransaction<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.transaction([begin, takeRole('cairn_auth')], 'authenticator', work);
    } catch (error) {
      throw await this.withCurrentRow(error);
    }
  }

  /**
   * For the administration of accounts by the current user, who must be a superuser. The role reads all accounts, and has
   * no rights on tasks and goals.
   * @throws Problem 403 when the user is not a superuser
   */
  asAdministrator<S extends Statements>(statements: S): Promise<Results<S>> {
    const { userId, sessionId } = currentUser();
    const enterAsAdministrator = control('SELECT enter_as_administrator(:session_id, :user_id)', {
      session_id: sessionId,
      user_id: userId,
    });
    return this.queue(() =>
      this.send('write', [enterAsAdministrator], statements, preconditionFor('administrator')),
    );
  }

  /** For operator commands on accounts: the administrator's role, without a user. */
  asOperator<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.send('write', [takeRole('cairn_admin')], statements);
  }

  /** For the purge: the role sees the owners and ages of trashed tasks, deactivated accounts and ended sessions. */
  asPurger<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.send('write', [takeRole('cairn_purge')], statements);
  }

  /**
   * Background work on behalf of a user: reads and writes in one transaction, serialized with the user's writes.
   * @param create statements of the authenticator that create the user in the same transaction
   */
  actAs<T>(userId: string, work: () => Promise<T>, create?: Statements): Promise<T> {
    const actAs = control('SELECT act_as(:user_id)', { user_id: userId });
    const role = create ? takeRole('cairn_auth') : actAs;
    return this.transaction([begin, this.lockWrites(userId), role], 'user', async () => {
      if (create) await this.write({ ...create, actAs });
      return work();
    });
  }

  /**
   * Counts a large response of a user until it has been sent. Further transactions of the user wait while too much is
   * unsent.
   * @returns a function to call when the response has been sent; undefined if the instance has no memory left for it
   */
  holdResponse(userId: string, length: number): (() => void) | undefined {
    return this.userQueues.hold(userId, length);
  }

  /** The current use of connections, and the transactions that wait for others of their user. */
  get state(): { busy: number; idle: number; waiting: number; queued: number } {
    return { ...this.pool.state, queued: this.userQueues.waiting };
  }

  /**
   * Whether PostgreSQL can serve requests. Waits for two seconds at most, regardless of the configured pool timeout.
   * @throws Problem 503 with the reason
   */
  async ping(): Promise<void> {
    const timeout = delay(2000, undefined, { ref: false }).then(() => {
      throw unavailable('The database cannot be reached.');
    });
    await Promise.race([this.pool.ping(), timeout]);
  }

  private get isInTransaction(): boolean {
    return this.transactions.getStore()?.actor === 'user';
  }

  private queue<T>(work: () => Promise<T>): Promise<T> {
    return this.runInQueue(false, work);
  }

  private serialize<T>(work: () => Promise<T>): Promise<T> {
    if (isDryRun()) throw new Error('A dry run would write outside of its transaction.');
    return this.runInQueue(true, work);
  }

  private async runInQueue<T>(isWriting: boolean, work: () => Promise<T>): Promise<T> {
    try {
      return await this.userQueues.run(currentUser().userId, isWriting, work);
    } catch (error) {
      throw await this.withCurrentRow(error);
    }
  }

  /** @returns the error; if the request's precondition failed, with the row as it is now */
  private async withCurrentRow(error: unknown): Promise<unknown> {
    const precondition = currentPrecondition();
    if (!precondition || !(error instanceof Problem) || error.status !== 412) return error;
    setPrecondition(undefined);
    for (const read of this.readers.get(precondition.table) ?? []) {
      error.current ??= await read(rowIdOf(precondition)).catch(() => undefined);
    }
    return error;
  }

  /** Begins the writes of a user: serializes them and sets the quotas for the transaction. */
  private lockWrites(userId = currentUser().userId): Statement {
    return control(`SELECT lock_user_writes(:user_id), set_config('cairn.quotas', :quotas, true)`, {
      user_id: userId,
      quotas: this.quotas,
    });
  }

  /** @param beginning ends with the role of the actor · @param end commits or rolls back */
  private transaction<T>(
    beginning: Statement[],
    actor: Actor,
    work: () => Promise<T>,
    end = commit,
  ): Promise<T> {
    return inSpan('transaction', async () => {
      const client = await this.pool.connect();
      try {
        for (let attempt = 1; ; attempt++) {
          try {
            await this.sendAll(client, beginning);
            const transaction: Transaction = { client, actor };
            const result = await this.transactions.run(transaction, work);
            const [ended] = await this.sendAll(client, [end]);
            if (end === commit) refuseUncommitted(ended);
            if (transaction.checked) transaction.checked.isMet = true;
            return result;
          } catch (error) {
            await client.query('ROLLBACK').catch(() => undefined);
            if (attempt > 2 || !isConflict(error)) throw toThrowable(error);
          }
        }
      } finally {
        this.pool.release(client);
      }
    });
  }

  private async sendAll(client: PoolClient, statements: Statement[]): Promise<StatementResult[]> {
    return statements.length > 0 ? resultsOf(await this.pool.send(client, statements)) : [];
  }

  /** @returns undefined outside of an interactive transaction of this actor */
  private sendInTransaction<S extends Statements>(
    actor: Actor,
    statements: S,
  ): Promise<Results<S>> | undefined {
    const transaction = this.transactions.getStore();
    if (transaction?.actor !== actor) return undefined;
    const precondition = preconditionFor(actor);
    const check =
      precondition && precondition !== transaction.checked ? versionCheck(precondition, true) : undefined;
    if (check) transaction.checked = precondition;
    const sent = present([check, ...Object.values(statements)]);
    return this.sendAll(transaction.client, sent).then((results) =>
      byName(statements, results.slice(check ? 1 : 0)),
    );
  }

  /**
   * Sends a transaction in one message. Several reads see one snapshot, and need a transaction block for that.
   * @param enter takes the role
   */
  private async send<S extends Statements>(
    access: 'read' | 'write',
    enter: Statement[],
    statements: S,
    precondition?: Precondition,
  ): Promise<Results<S>> {
    const isReading = access === 'read';
    const work = present(Object.values(statements));
    const isChecked = precondition !== undefined && work.length > 0;
    const check = isChecked ? [versionCheck(precondition, !isReading)] : [];
    const sent = [...enter, ...check, ...work];
    const isBlock = isReading && check.length + work.length > 1;
    const pipeline = isBlock ? [beginReading, ...sent, commit] : sent;
    const outcome = await inSpan('transaction', async () => {
      let last = await this.pool.sendOnce(pipeline);
      for (let retry = 1; retry <= 2 && mayRetry(last, retry, isReading); retry++) {
        last = await this.pool.sendOnce(pipeline);
      }
      return last;
    });
    const results = resultsOf(outcome);
    if (isChecked && !isReading) precondition.isMet = true;
    const start = (isBlock ? 1 : 0) + enter.length + check.length;
    return byName(statements, results.slice(start, start + work.length));
  }
}

const begin = control('BEGIN');
const beginReading = control('BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ');
const commit = control('COMMIT');
const rollback = control('ROLLBACK');

/** Like SET LOCAL ROLE, which has no effect without BEGIN. */
function takeRole(role: 'cairn_auth' | 'cairn_admin' | 'cairn_purge'): Statement {
  return control(`SELECT set_config('role', :role, true)`, { role });
}

/** Checks the session or token of the current user, and takes the user's role. */
function enter(): Statement[] {
  const { sessionId, tokenId, userId, mustBeVerified } = currentUser();
  const [text, id] =
    sessionId === null
      ? ['SELECT enter_by_token(:id, :user_id)', tokenId]
      : ['SELECT enter(:id, :user_id)', sessionId];
  const refuseUnverified = mustBeVerified ? [control('SELECT refuse_unverified()')] : [];
  return [control(text, { id, user_id: userId }), ...refuseUnverified];
}

function present(statements: (Statement | undefined)[]): Statement[] {
  return statements.filter((statement) => statement !== undefined);
}

/**
 * The precondition of the request that a transaction has to check.
 * @param actor other roles than the user's can read only accounts
 */
function preconditionFor(actor: Actor | 'administrator'): Precondition | undefined {
  const precondition = currentPrecondition();
  const isChecked = precondition && (actor === 'user' || precondition.table === 'users');
  return isChecked && !precondition.isMet ? precondition : undefined;
}

function byName<S extends Statements>(statements: S, results: { rows: unknown[] }[]): Results<S> {
  const named: Record<string, unknown[]> = {};
  let sent = 0;
  for (const [name, statement] of Object.entries(statements)) {
    named[name] = statement ? results[sent++]!.rows : [];
  }
  return named as Results<S>;
}

/** After an error, COMMIT rolls back and still succeeds: only its command tag shows the difference. */
function refuseUncommitted(result: StatementResult | undefined): void {
  if (result?.command !== 'COMMIT') throw unavailable('The transaction could not be committed. Try again.');
}

/**
 * Whether the transaction had no effect and a retry may succeed: one retry if the server refused the first statement
 * because it was restarting, two after a deadlock or a serialization failure. If the connection breaks without an error
 * message, a write may have taken effect, so only reads are retried.
 */
function mayRetry({ results, error }: PipelineOutcome, retry: number, isReading: boolean): boolean {
  if (error === undefined) return false;
  if (isConflict(error)) return true;
  const isSafe = error instanceof DatabaseError ? (error.code ?? '').startsWith('57P0') : isReading;
  return retry === 1 && isSafe && results.length === 0;
}

/** A serialization failure or a deadlock. */
function isConflict(error: unknown): boolean {
  const cause = error instanceof Error && !(error instanceof DatabaseError) ? error.cause : error;
  return cause instanceof DatabaseError && ['40001', '40P01'].includes(cause.code ?? '');
}
