import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { Parameters, sql, Statement } from '../database/statement';
import { deleteAccount } from './account-deletion';

/** Rows per transaction. Small, so that the user's own requests do not wait long. */
const batchSize = 500;

/** Days for which revoked and expired sessions are kept. They show from where an account was used. */
const sessionDays = 90;

/**
 * The tables with a trash, with SQL conditions for rows that can be deleted. Subtasks are deleted before their parents,
 * because foreign keys do not delete their history. No row refers to a goal in the trash.
 */
const trashTables = {
  tasks: 'NOT EXISTS (SELECT FROM tasks c WHERE c.user_id = tasks.user_id AND c.parent_task_id = tasks.id)',
  goals: 'true',
} as const;
type TrashTable = keyof typeof trashTables;

/** SQL condition for timestamps at least `:days` days ago. */
const isDaysAgoSql = (timestampSql: string) => `${timestampSql} <= now() - :days::integer * interval '1 day'`;

/** SQL condition for accounts to delete: closed ones whose time has come, and those that a superuser deactivated long ago. */
const isDueAccountSql = `NOT is_active
  AND coalesce(deletion_at <= now(), NOT can_reactivate AND ${isDaysAgoSql('deactivated_at')})`;
const isOldTrashSql = isDaysAgoSql('deleted_at');
const isOldKeySql = `stored_at <= now() - interval '24 hours'`;
const isOldSessionSql = isDaysAgoSql('least(revoked_at, expires_at)');

/** Deleted rows by table. */
type Counts = Partial<Record<TrashTable | 'users' | 'sessions' | 'idempotency_keys', number>>;

export interface PurgeResult {
  counts: Counts;
  /** What was deleted, as text. */
  deleted: string;
  /** What could not be deleted, and why. The next purge tries again. */
  failures: string[];
}

/**
 * Permanently deletes accounts, old trash, old revoked and expired sessions, and old idempotency keys. A failure does not stop it. The role sees
 * no other rows. What a user owns is deleted as this user.
 */
export class Purge {
  private readonly failures: string[] = [];

  /** @param signal stops the purge after the current transaction */
  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly signal = new AbortController().signal,
  ) {}

  async run(): Promise<PurgeResult> {
    const users = await this.deleteAccounts();
    const tasks = await this.emptyTrash('tasks');
    const goals = await this.emptyTrash('goals');
    const sessions = await this.attempt('sessions', () => this.deleteOldSessions());
    const keys = await this.attempt('idempotency keys', () => this.deleteOldKeys());
    const counts = { tasks, goals, users, sessions, idempotency_keys: keys };
    return { counts, deleted: describe(counts), failures: this.failures };
  }

  async runForAccounts(): Promise<PurgeResult> {
    const users = await this.deleteAccounts();
    return { counts: { users }, deleted: `${users} accounts`, failures: this.failures };
  }

  /** Only counts the rows. @returns the counts as text */
  async dryRun(): Promise<string> {
    const { trashDays, deactivatedUserDays } = this.config;
    return describe({
      tasks: await this.count('tasks', isOldTrashSql, trashDays),
      goals: await this.count('goals', isOldTrashSql, trashDays),
      users: await this.count('users', isDueAccountSql, deactivatedUserDays),
      sessions: await this.count('sessions', isOldSessionSql, sessionDays),
      idempotency_keys: await this.count('idempotency_keys', isOldKeySql),
    });
  }

  private async deleteAccounts(): Promise<number> {
    const days = this.config.deactivatedUserDays;
    const text = `SELECT id FROM users WHERE ${isDueAccountSql}`;
    const { accounts } = await this.database.asPurger({ accounts: sql<{ id: string }>(text, { days }) });
    let total = 0;
    for (const { id } of accounts) {
      total += await this.attempt(`account ${id}`, async () =>
        Number(await deleteAccount(this.database, id, isDueAccountSql, days, this.signal)),
      );
    }
    return total;
  }

  private async emptyTrash(table: TrashTable): Promise<number> {
    const days = this.config.trashDays;
    const text = `SELECT DISTINCT user_id FROM ${table} WHERE ${isOldTrashSql}`;
    const { owners } = await this.database.asPurger({ owners: sql<{ user_id: string }>(text, { days }) });
    let total = 0;
    for (const { user_id: userId } of owners) {
      total += await this.attempt(`${table} in the trash of user ${userId}`, () =>
        this.emptyTrashOf(userId, table, days),
      );
    }
    return total;
  }

  private emptyTrashOf(userId: string, table: TrashTable, days: number): Promise<number> {
    const conditionSql = `user_id = :user_id AND ${isOldTrashSql} AND ${trashTables[table]}`;
    const deletion = deleteBatch(table, 'user_id, id', conditionSql, { days, user_id: userId });
    const deleteSome = async () => (await this.database.write({ deleted: deletion })).deleted.length;
    return this.repeatUntilNone(() => this.database.actAs(userId, deleteSome));
  }

  private deleteOldSessions(): Promise<number> {
    const deletion = deleteBatch('sessions', 'user_id, id', isOldSessionSql, { days: sessionDays });
    return this.repeatUntilNone(
      async () => (await this.database.asPurger({ deleted: deletion })).deleted.length,
    );
  }

  private deleteOldKeys(): Promise<number> {
    const deletion = deleteBatch('idempotency_keys', 'user_id, key_hash', isOldKeySql, {});
    return this.repeatUntilNone(
      async () => (await this.database.asPurger({ deleted: deletion })).deleted.length,
    );
  }

  /** @returns how many rows were deleted; 0 if the deletion failed, which is reported */
  private async attempt(what: string, deletion: () => Promise<number>): Promise<number> {
    if (this.signal.aborted) return 0;
    try {
      return await deletion();
    } catch (error) {
      this.failures.push(`${what}: ${String((error as Error).cause ?? error)}`);
      return 0;
    }
  }

  /** Repeats a deletion until it finds nothing. @returns how many rows were deleted */
  private async repeatUntilNone(deleteSome: () => Promise<number>): Promise<number> {
    let total = 0;
    let deleted: number;
    do {
      deleted = await deleteSome();
      total += deleted;
    } while (deleted > 0 && !this.signal.aborted);
    return total;
  }

  private async count(table: string, conditionSql: string, days?: number): Promise<number> {
    const text = `SELECT count(*)::integer AS count FROM ${table} WHERE ${conditionSql}`;
    const { rows } = await this.database.asPurger({ rows: sql<{ count: number }>(text, { days }) });
    return rows[0]!.count;
  }
}

function describe(counts: Required<Counts>): string {
  const { tasks, goals, users, sessions, idempotency_keys: keys } = counts;
  return `${tasks} tasks and ${goals} goals from the trash, ${users} accounts, ${sessions} expired or revoked sessions, ${keys} idempotency keys`;
}

function deleteBatch(table: string, key: string, conditionSql: string, values: Parameters): Statement {
  const batchSql = `SELECT ${key} FROM ${table} WHERE ${conditionSql} LIMIT ${batchSize}`;
  return sql(`DELETE FROM ${table} WHERE (${key}) IN (${batchSql}) RETURNING 1 AS deleted`, values);
}
