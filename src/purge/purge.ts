import type { Config } from '../config';
import type { Database } from '../database/database';
import { sql } from '../database/statement';

/** Rows that go in one transaction: so nobody waits long for it. */
const batch = 500;

/** Days for which sessions that have ended are kept: they tell from where an account is used. */
const sessionDays = 90;

interface Kind {
  name: string;
  table: string;
  key: string;
  isDue: string;
  days: (config: Config) => number;
}

const kinds: Kind[] = [
  {
    name: 'tasks from the trash',
    table: 'tasks',
    key: 'user_id, id',
    isDue: `deleted_at <= now() - :days::integer * interval '1 day'`,
    days: ({ trashDays }) => trashDays,
  },
  {
    name: 'deactivated users',
    table: 'users',
    key: 'id',
    isDue: `deactivated_at <= now() - :days::integer * interval '1 day'`,
    days: ({ deactivatedUserDays }) => deactivatedUserDays,
  },
  {
    name: 'ended sessions',
    table: 'sessions',
    key: 'user_id, id',
    isDue: `least(revoked_at, expires_at) <= now() - :days::integer * interval '1 day'`,
    days: () => sessionDays,
  },
];

/**
 * Removes for ever what has lain in the trash for long enough, accounts that were deactivated long ago with everything
 * that belongs to them, and sessions that ended long ago. It acts by a role that sees nothing else.
 * @param isDryRun only counts
 * @returns how many of each kind
 */
export async function purge(database: Database, config: Config, isDryRun: boolean): Promise<string> {
  const counts: string[] = [];
  for (const { name, table, key, isDue, days } of kinds) {
    const values = { days: days(config), batch };
    const counting = sql(`SELECT count(*)::integer FROM ${table} WHERE ${isDue}`, values);
    const removing = sql(
      `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${isDue} LIMIT :batch::integer) RETURNING 1`,
      values,
    );
    let count = 0;
    if (isDryRun) {
      const [[row] = []] = await database.asPurger(counting);
      count = row![0] as number;
    } else {
      for (let removed = batch; removed === batch; count += removed) {
        const [rows = []] = await database.asPurger(removing);
        removed = rows.length;
      }
    }
    counts.push(`${count} ${name}`);
  }
  return counts.join(', ');
}
