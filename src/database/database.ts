import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DatabaseError, escapeLiteral, Pool, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Config } from '../core/config';
import { unavailable } from '../core/problem';
import { currentUser } from '../core/request-context';
import { ConnectionPool, Outcome, rowsOf, toThrowable } from './connection-pool';
import type { Statement } from './statement';
import { UserQueues } from './user-queues';

/** Statements that are sent together, by names of the caller's choice. Optional ones may be undefined. */
export type Statements = Record<string, Statement | undefined>;

/** The rows of each statement, by its name; of an optional statement that was not sent, none. */
export type Results<S extends Statements> = {
  [Name in keyof S]-?: S[Name] extends Statement<infer Row> | undefined ? Row[] : never;
};

/** On whose behalf a transaction runs. */
type Actor = 'user' | 'authenticator';

/**
 * Sends every statement to PostgreSQL, in a transaction under a restricted role:
 * `BEGIN; enter(session, user) · the statements · COMMIT` travel in one packet on a pipelined connection. `enter` refuses
 * a session that is not valid any more, and then no statement takes effect; it also takes the role for which row-level
 * security shows the user's own rows only.
 *
 * All methods throw a Problem where the error means one to the client (503 when PostgreSQL cannot be reached), and
 * otherwise the DatabaseError.
 */
@Injectable()
export class Database {
  private readonly pool: ConnectionPool;
  private readonly writeQueues: UserQueues;
  /** The interactive transaction of the current call chain. */
  private readonly transactions = new AsyncLocalStorage<{ client: PoolClient; actor: Actor }>();

  constructor(@InjectDataSource() dataSource: DataSource, config: Config) {
    this.pool = new ConnectionPool((dataSource.driver as PostgresDriver).master as Pool, config.sqlEcho);
    this.writeQueues = new UserQueues(1000 * config.databasePoolTimeout);
  }

  /** Reads as the current user; all statements see one snapshot. */
  read<S extends Statements>(statements: S): Promise<Results<S>> {
    return (
      this.sendInTransaction('user', statements) ?? this.send(`${beginReading}; ${enterSql()}`, statements)
    );
  }

  /** Several reads as the current user, one after the other, that see one snapshot. */
  readTransaction<T>(work: () => Promise<T>): Promise<T> {
    return this.transaction(`${beginReading}; ${enterSql()}`, 'user', work);
  }

  /**
   * Writes as the current user. The writes of one user are serialized: what one of them has read is still true when it
   * commits. Those of this instance wait in a queue, so that they hold no connections.
   */
  write<S extends Statements>(statements: S): Promise<Results<S>> {
    return (
      this.sendInTransaction('user', statements) ??
      this.serialize(() => this.send(`BEGIN; ${lockWritesSql()}; ${enterSql()}`, statements))
    );
  }

  /**
   * Several reads and writes as the current user, in one transaction: all take effect, or none.
   * @param work may be run again after a deadlock
   */
  writeTransaction<T>(work: () => Promise<T>): Promise<T> {
    return this.serialize(() => this.transaction(`BEGIN; ${lockWritesSql()}; ${enterSql()}`, 'user', work));
  }

  /**
   * Writes as `write` does, rows that a later change of the account's password or rights must delete: such changes wait
   * until this transaction has committed.
   */
  writeLockingAccount<S extends Statements>(statements: S): Promise<Results<S>> {
    const lockAccount = `SELECT lock_account(${literal(currentUser().userId)})`;
    return this.serialize(() =>
      this.send(`BEGIN; ${lockWritesSql()}; ${lockAccount}; ${enterSql()}`, statements),
    );
  }

  /**
   * For registration, sign-in and token refresh, where there is no current user yet, and for passwords, mails and rate
   * limits. The role reads and writes accounts and sessions, and has no right on tasks and goals.
   */
  asAuthenticator<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.sendInTransaction('authenticator', statements) ?? this.send(beginAuthenticating, statements);
  }

  /** Several calls of `asAuthenticator` in one transaction. @param work may be run again after a deadlock */
  authenticatorTransaction<T>(work: () => Promise<T>): Promise<T> {
    return this.transaction(beginAuthenticating, 'authenticator', work);
  }

  /**
   * For the administration of accounts by the current user, who must be a superuser. The role reads all accounts, and has
   * no right on tasks and goals.
   * @throws Problem 403 when the user is not a superuser
   */
  asAdministrator<S extends Statements>(statements: S): Promise<Results<S>> {
    const { userId, sessionId } = currentUser();
    const enter = `SELECT enter_as_administrator(${literal(sessionId)}, ${literal(userId)})`;
    return this.send(`BEGIN; ${enter}`, statements);
  }

  /** For the operator's commands on accounts: the administrator's role, without a user. */
  asOperator<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.send('BEGIN; SET LOCAL ROLE cairn_admin', statements);
  }

  /** For the purge: the role sees the owners and ages of trashed tasks, deactivated accounts and ended sessions. */
  asPurger<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.send('BEGIN; SET LOCAL ROLE cairn_purge', statements);
  }

  /** Background work on behalf of a user: reads and writes in one transaction, serialized with the user's writes. */
  actAs<T>(userId: string, work: () => Promise<T>): Promise<T> {
    const begin = `BEGIN; ${lockWritesSql(userId)}; SELECT act_as(${literal(userId)})`;
    return this.transaction(begin, 'user', work);
  }

  /** Whether PostgreSQL responds within two seconds, however long requests may wait for a connection. */
  ping(): Promise<boolean> {
    const isResponding = this.pool.ping().then(
      () => true,
      () => false,
    );
    return Promise.race([isResponding, delay(2000, false, { ref: false })]);
  }

  private serialize<T>(work: () => Promise<T>): Promise<T> {
    return this.writeQueues.run(currentUser().userId, work);
  }

  private async transaction<T>(begin: string, actor: Actor, work: () => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          await client.query(begin);
          const result = await this.transactions.run({ client, actor }, work);
          refuseUncommitted(await client.query('COMMIT'));
          return result;
        } catch (error) {
          await client.query('ROLLBACK').catch(() => undefined);
          if (attempt > 2 || !isConflict(error)) throw toThrowable(error);
        }
      }
    } finally {
      this.pool.release(client);
    }
  }

  /** Undefined outside of an interactive transaction of this actor. */
  private sendInTransaction<S extends Statements>(
    actor: Actor,
    statements: S,
  ): Promise<Results<S>> | undefined {
    const transaction = this.transactions.getStore();
    if (transaction?.actor !== actor) return undefined;
    const sent = Object.values(statements).filter((statement) => statement !== undefined);
    return this.pool.send(transaction.client, sent).then((outcomes) => byName(statements, rowsOf(outcomes)));
  }

  private async send<S extends Statements>(begin: string, statements: S): Promise<Results<S>> {
    const sent = Object.values(statements).filter((statement) => statement !== undefined);
    const pipeline = [{ text: begin }, ...sent, { text: 'COMMIT' }];
    let outcomes = await this.pool.sendOnce(pipeline);
    for (let retry = 1; retry <= 2 && mayRetry(outcomes, retry, begin.startsWith(beginReading)); retry++) {
      outcomes = await this.pool.sendOnce(pipeline);
    }
    const results = rowsOf(outcomes);
    refuseUncommitted(results.at(-1));
    return byName(statements, results.slice(1, -1));
  }
}

const beginReading = 'BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ';
const beginAuthenticating = 'BEGIN; SET LOCAL ROLE cairn_auth';

/** Sent in one message with BEGIN: another message would cost both ends more than parsing so short a statement. */
function enterSql(): string {
  const { sessionId, tokenId, userId, mustBeVerified } = currentUser();
  const [enter, id] = sessionId === null ? ['enter_by_token', tokenId] : ['enter', sessionId];
  const refuseUnverified = mustBeVerified ? '; SELECT refuse_unverified()' : '';
  return `SELECT ${enter}(${literal(id)}, ${literal(userId)})${refuseUnverified}`;
}

function lockWritesSql(userId = currentUser().userId): string {
  return `SELECT lock_user_writes(${literal(userId)})`;
}

function literal(value: string | null): string {
  return value === null ? 'NULL' : escapeLiteral(value);
}

function byName<S extends Statements>(statements: S, results: { rows: unknown[] }[]): Results<S> {
  const named: Record<string, unknown[]> = {};
  let sent = 0;
  for (const [name, statement] of Object.entries(statements)) {
    named[name] = statement ? results[sent++]!.rows : [];
  }
  return named as Results<S>;
}

/** After an error, COMMIT succeeds by rolling back: only its command tag tells. */
function refuseUncommitted(commit: { command: string } | undefined): void {
  if (commit?.command !== 'COMMIT') throw unavailable('The transaction could not be committed. Try again.');
}

/**
 * Whether nothing was done and another try may succeed: once, when the server refused to begin because it was
 * restarting; twice, when PostgreSQL ended the transaction in favour of another one. When a connection breaks without a
 * message, a write may have taken effect, so that only reads are retried.
 */
function mayRetry(outcomes: Outcome[], retry: number, isReading: boolean): boolean {
  const [begin] = outcomes;
  if (begin?.status === 'rejected') {
    const { reason } = begin as { reason: unknown };
    const isSafe = reason instanceof DatabaseError ? (reason.code ?? '').startsWith('57P0') : isReading;
    return retry === 1 && isSafe;
  }
  return isConflict(outcomes.find((outcome) => outcome.status === 'rejected')?.reason);
}

/** A serialization failure or a deadlock. */
function isConflict(error: unknown): boolean {
  const cause = error instanceof Error && !(error instanceof DatabaseError) ? error.cause : error;
  return cause instanceof DatabaseError && ['40001', '40P01'].includes(cause.code ?? '');
}
