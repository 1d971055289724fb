import type { Database } from '../database/database';
import { sql, Statement } from '../database/statement';
import type { TableKeys } from '../database/table-keys';
import { setFlag } from '../database/transaction-flags';

/** Rows per transaction. */
const batchSize = 1000;

/**
 * Deletes an account with everything it owns, in transactions of limited size. Does nothing if its deletion is not due.
 * @param isDueSql SQL condition on `users`, with the parameter `:days`
 * @param signal stops after the current transaction; the next call continues
 * @returns whether the account was deleted completely
 */
export async function deleteAccount(
  database: Database,
  id: string,
  isDueSql: string,
  days: number,
  signal: AbortSignal,
): Promise<boolean> {
  // From here on, the account cannot be reopened, and its personal data is erased.
  const beginSql = `UPDATE users SET deletion_at = least(deletion_at, now()) WHERE id = :id AND ${isDueSql} RETURNING id`;
  const { begun } = await database.asPurger({ begun: sql(beginSql, { id, days }) });
  if (begun.length === 0) return false;

  for (const table of await tablesWithOwnRows(database)) {
    const statements = { setFlag: setFlag('deleting_account', 'true'), deleted: deleteBatch(table, id) };
    const deleteSome = async () => (await database.write(statements)).deleted.length;
    while ((await database.actAs(id, deleteSome)) > 0) {
      if (signal.aborted) return false;
    }
  }
  // The remaining rows are few, and are deleted with the account.
  const deleteSql = 'DELETE FROM users WHERE id = :id AND deletion_at <= now() RETURNING id';
  const { deleted } = await database.asPurger({ deleted: sql(deleteSql, { id }) });
  return deleted.length === 1;
}

/** The tables from which users can delete their rows, children before their parents. */
async function tablesWithOwnRows(database: Database): Promise<TableKeys[]> {
  const text = `SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege('cairn_app', oid, 'DELETE')`;
  const { rows } = await database.asPurger({ rows: sql<{ name: string }>(text) });
  const names = new Set(rows.map(({ name }) => name));
  return database.tables.filter(({ name }) => names.has(name)).reverse();
}

/** Deletes the newest rows that no others refer to. A cascade could delete too many, and most children are newer. */
function deleteBatch({ name, primaryKey, selfReferences }: TableKeys, userId: string): Statement {
  const key = primaryKey.map((column) => `t.${column}`);
  const hasNoChildrenSql = selfReferences.map(({ columns, referencedColumns }) => {
    const isChildSql = columns.map((column, index) => `c.${column} = t.${referencedColumns[index]}`);
    return ` AND NOT EXISTS (SELECT FROM ${name} c WHERE ${isChildSql.join(' AND ')})`;
  });
  const text = `DELETE FROM ${name} t
    WHERE (${key.join(', ')}) IN (
      SELECT ${key.join(', ')} FROM ${name} t WHERE t.user_id = :user_id${hasNoChildrenSql.join('')}
      ORDER BY ${key.map((column) => `${column} DESC`).join(', ')} LIMIT ${batchSize}
    ) AND EXISTS (SELECT FROM users WHERE id = :user_id AND deletion_at <= now())
    RETURNING 1 AS deleted`;
  return sql(text, { user_id: userId });
}
