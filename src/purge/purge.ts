import { Logger } from '@nestjs/common';
import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { Parameters, sql, Statement } from '../database/statement';

const logger = new Logger('Purge');

/** Rows that are deleted in one transaction, so that nobody waits long for it. */
const batchSize = 500;

/** Days for which sessions that have ended are kept: they show from where an account is used. */
const sessionDays = 90;

/** Subtasks are deleted before their parents: what a foreign key deletes would leave its history behind. */
const hasNoSubtasks = `NOT EXISTS (SELECT FROM tasks c WHERE c.user_id = tasks.user_id AND c.parent_task_id = tasks.id)`;

/** The condition for a time at least `:days` days ago. */
const isDaysAgo = (timestampSql: string) => `${timestampSql} <= now() - :days::integer * interval '1 day'`;

const isOldTrash = isDaysAgo('deleted_at');
const isOldDeactivation = isDaysAgo('deactivated_at');
const isOldSession = isDaysAgo('least(revoked_at, expires_at)');

/**
 * Deletes permanently: tasks that have been in the trash for long enough, accounts that were deactivated long ago with
 * everything they own, and sessions that ended long ago. Its role sees nothing else; the trash is deleted on behalf of each
 * user.
 * @param isDryRun only counts
 * @returns the counts, as text
 */
export async function purge(database: Database, config: Config, isDryRun: boolean): Promise<string> {
  const { trashDays, deactivatedUserDays } = config;
  const counts = isDryRun
    ? [
        await count(database, 'tasks', isOldTrash, trashDays),
        await count(database, 'users', isOldDeactivation, deactivatedUserDays),
        await count(database, 'sessions', isOldSession, sessionDays),
      ]
    : [
        await emptyTrash(database, trashDays),
        // One user at a time, with everything they own.
        await deleteAll(database, 'users', 'id', isOldDeactivation, deactivatedUserDays, 1),
        await deleteAll(database, 'sessions', 'user_id, id', isOldSession, sessionDays, batchSize),
      ];
  return `${counts[0]} tasks from the trash, ${counts[1]} deactivated users, ${counts[2]} expired or revoked sessions`;
}

async function count(database: Database, table: string, condition: string, days: number): Promise<number> {
  const text = `SELECT count(*)::integer AS count FROM ${table} WHERE ${condition}`;
  const { rows } = await database.asPurger({ rows: sql<{ count: number }>(text, { days }) });
  return rows[0]!.count;
}

/** @param batch rows per transaction */
function deleteAll(
  database: Database,
  table: string,
  key: string,
  condition: string,
  days: number,
  batch: number,
): Promise<number> {
  const deletion = deleteBatch(table, key, condition, { days, batch });
  return repeatUntilNone(async () => (await database.asPurger({ deleted: deletion })).deleted.length);
}

/** When a user's trash cannot be deleted now, it is left for the next purge. */
async function emptyTrash(database: Database, days: number): Promise<number> {
  const text = `SELECT DISTINCT user_id FROM tasks WHERE ${isOldTrash}`;
  const { owners } = await database.asPurger({ owners: sql<{ user_id: string }>(text, { days }) });
  const condition = `user_id = :user_id AND ${isOldTrash} AND ${hasNoSubtasks}`;
  let total = 0;
  for (const { user_id } of owners) {
    const deletion = deleteBatch('tasks', 'user_id, id', condition, { days, user_id, batch: batchSize });
    try {
      total += await repeatUntilNone(() =>
        database.actAs(user_id, async () => (await database.write({ deleted: deletion })).deleted.length),
      );
    } catch (error) {
      logger.warn(`The trash of user ${user_id} could not be deleted: ${String(error)}`);
    }
  }
  return total;
}

function deleteBatch(table: string, key: string, condition: string, values: Parameters): Statement {
  const batch = `SELECT ${key} FROM ${table} WHERE ${condition} LIMIT :batch::integer`;
  return sql(`DELETE FROM ${table} WHERE (${key}) IN (${batch}) RETURNING 1 AS deleted`, values);
}

/** Repeats a deletion until it finds nothing. @returns how many rows were deleted */
async function repeatUntilNone(deleteSome: () => Promise<number>): Promise<number> {
  let total = 0;
  for (let last = 1; last > 0; total += last) last = await deleteSome();
  return total;
}
