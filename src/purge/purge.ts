import { Logger } from '@nestjs/common';
import type { Config } from '../config';
import type { Database, Row } from '../database/database';
import { Parameters, sql, Statement } from '../database/statement';

const logger = new Logger('Purge');

/** Tasks or sessions that go in one transaction: so nobody waits long for it. */
const batch = 500;

/** Days for which sessions that have ended are kept: they tell from where an account is used. */
const sessionDays = 90;

/** Subtasks go before what they are part of: what a foreign key removes would leave its history behind. */
const isLeaf = `NOT EXISTS (SELECT FROM tasks c WHERE c.user_id = tasks.user_id AND c.parent_task_id = tasks.id)`;

/** Since such a day; the parameter is `:days`. */
const before = (column: string) => `${column} <= now() - :days::integer * interval '1 day'`;
const isOldTrash = before('deleted_at');
const isLongGone = before('deactivated_at');
const isLongOver = before('least(revoked_at, expires_at)');

/**
 * Removes for ever what has lain in the trash for long enough, accounts that were deactivated long ago with everything
 * that belongs to them, and sessions that ended long ago. It acts by a role that sees nothing else; the trash is emptied
 * in the name of each user whose it is.
 * @param isDryRun only counts
 * @returns how many of each kind
 */
export async function purge(database: Database, config: Config, isDryRun: boolean): Promise<string> {
  const { trashDays, deactivatedUserDays } = config;
  const counts = isDryRun
    ? [
        await count(database, 'tasks', isOldTrash, trashDays),
        await count(database, 'users', isLongGone, deactivatedUserDays),
        await count(database, 'sessions', isLongOver, sessionDays),
      ]
    : [
        await emptyTrash(database, trashDays),
        await removeAll(database, 'users', 'id', isLongGone, deactivatedUserDays, 1), // with all that is theirs
        await removeAll(database, 'sessions', 'user_id, id', isLongOver, sessionDays, batch),
      ];
  return `${counts[0]} tasks from the trash, ${counts[1]} deactivated users, ${counts[2]} expired or revoked sessions`;
}

async function count(database: Database, table: string, isDue: string, days: number): Promise<number> {
  const [[row] = []] = await database.asPurger(
    sql(`SELECT count(*)::integer FROM ${table} WHERE ${isDue}`, { days }),
  );
  return row![0] as number;
}

/** @param atOnce rows that go in one transaction */
function removeAll(
  database: Database,
  table: string,
  key: string,
  isDue: string,
  days: number,
  atOnce: number,
): Promise<number> {
  const removing = removal(table, key, isDue, { days, batch: atOnce });
  return untilNone(async () => (await database.asPurger(removing))[0] ?? []);
}

/** Where a user's turn does not come, that user's trash waits for the next time. */
async function emptyTrash(database: Database, days: number): Promise<number> {
  const owners = sql(`SELECT DISTINCT user_id FROM tasks WHERE ${isOldTrash}`, { days });
  const [rows = []] = await database.asPurger(owners);
  const isDue = `user_id = :user_id AND ${isOldTrash} AND ${isLeaf}`;
  let removed = 0;
  for (const [user_id] of rows as [string][]) {
    const removing = removal('tasks', 'user_id, id', isDue, { days, user_id, batch });
    try {
      removed += await untilNone(() => database.actAs(user_id, (run) => run(removing)));
    } catch (error) {
      logger.warn(`Could not empty the trash of user ${user_id}, will try again: ${String(error)}`);
    }
  }
  return removed;
}

function removal(table: string, key: string, isDue: string, values: Parameters): Statement {
  const due = `SELECT ${key} FROM ${table} WHERE ${isDue} LIMIT :batch::integer`;
  return sql(`DELETE FROM ${table} WHERE (${key}) IN (${due}) RETURNING 1`, values);
}

/** Does it until there is nothing to remove. @returns how many rows it removed */
async function untilNone(remove: () => Promise<Row[]>): Promise<number> {
  let removed = 0;
  for (let last = 1; last > 0; removed += last) last = (await remove()).length;
  return removed;
}
