import { Logger } from '@nestjs/common';
import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { Parameters, sql, Statement } from '../database/statement';

const logger = new Logger('Purge');

/** Rows per transaction. Small, so that the user's own requests do not wait long. */
const batchSize = 500;

/** Days for which revoked and expired sessions are kept. They show from where an account was used. */
const sessionDays = 90;

/** SQL condition. Subtasks are deleted before their parents, because foreign keys do not delete their history. */
const hasNoSubtasksSql = `NOT EXISTS (SELECT FROM tasks c WHERE c.user_id = tasks.user_id AND c.parent_task_id = tasks.id)`;

/** SQL condition for timestamps at least `:days` days ago. */
const isDaysAgoSql = (timestampSql: string) => `${timestampSql} <= now() - :days::integer * interval '1 day'`;

const isOldTrashSql = isDaysAgoSql('deleted_at');
const isOldDeactivationSql = isDaysAgoSql('deactivated_at');
const isOldSessionSql = isDaysAgoSql('least(revoked_at, expires_at)');

/**
 * Permanently deletes old trash, accounts that were deactivated long ago, and old revoked and expired sessions. The role
 * sees no other rows. The trash is deleted as its owner.
 * @param isDryRun only counts the rows
 * @returns the counts as text
 */
export async function purge(database: Database, config: Config, isDryRun: boolean): Promise<string> {
  const { trashDays, deactivatedUserDays } = config;
  const counts = isDryRun
    ? {
        tasks: await count(database, 'tasks', isOldTrashSql, trashDays),
        users: await count(database, 'users', isOldDeactivationSql, deactivatedUserDays),
        sessions: await count(database, 'sessions', isOldSessionSql, sessionDays),
      }
    : {
        tasks: await emptyTrash(database, trashDays),
        // One user per transaction, because all their data is deleted too.
        users: await deleteAll(database, 'users', 'id', isOldDeactivationSql, deactivatedUserDays, 1),
        sessions: await deleteAll(
          database,
          'sessions',
          'user_id, id',
          isOldSessionSql,
          sessionDays,
          batchSize,
        ),
      };
  const { tasks, users, sessions } = counts;
  return `${tasks} tasks from the trash, ${users} deactivated users, ${sessions} expired or revoked sessions`;
}

async function count(database: Database, table: string, conditionSql: string, days: number): Promise<number> {
  const text = `SELECT count(*)::integer AS count FROM ${table} WHERE ${conditionSql}`;
  const { rows } = await database.asPurger({ rows: sql<{ count: number }>(text, { days }) });
  return rows[0]!.count;
}

/** @param batch rows per transaction */
function deleteAll(
  database: Database,
  table: string,
  key: string,
  conditionSql: string,
  days: number,
  batch: number,
): Promise<number> {
  const deletion = deleteBatch(table, key, conditionSql, { days, batch });
  return repeatUntilNone(async () => (await database.asPurger({ deleted: deletion })).deleted.length);
}

/** If a user's trash cannot be deleted, it remains until the next purge. */
async function emptyTrash(database: Database, days: number): Promise<number> {
  const text = `SELECT DISTINCT user_id FROM tasks WHERE ${isOldTrashSql}`;
  const { owners } = await database.asPurger({ owners: sql<{ user_id: string }>(text, { days }) });
  const conditionSql = `user_id = :user_id AND ${isOldTrashSql} AND ${hasNoSubtasksSql}`;
  let total = 0;
  for (const { user_id: userId } of owners) {
    const deletion = deleteBatch('tasks', 'user_id, id', conditionSql, {
      days,
      user_id: userId,
      batch: batchSize,
    });
    try {
      total += await repeatUntilNone(() =>
        database.actAs(userId, async () => (await database.write({ deleted: deletion })).deleted.length),
      );
    } catch (error) {
      logger.warn(`The trash of user ${userId} could not be deleted: ${String(error)}`);
    }
  }
  return total;
}

function deleteBatch(table: string, key: string, conditionSql: string, values: Parameters): Statement {
  const batchSql = `SELECT ${key} FROM ${table} WHERE ${conditionSql} LIMIT :batch::integer`;
  return sql(`DELETE FROM ${table} WHERE (${key}) IN (${batchSql}) RETURNING 1 AS deleted`, values);
}

/** Repeats a deletion until it finds nothing. @returns how many rows were deleted */
async function repeatUntilNone(deleteSome: () => Promise<number>): Promise<number> {
  let total = 0;
  let deleted: number;
  do {
    deleted = await deleteSome();
    total += deleted;
  } while (deleted > 0);
  return total;
}
