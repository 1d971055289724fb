import { sql, Statement } from './statement';

/**
 * The statement that inserts many rows.
 * @param rows objects with the same columns
 * @returns undefined if there are none
 */
export function insertRows(table: string, rows: object[]): Statement | undefined {
  if (!rows[0]) return undefined;
  const columns = Object.keys(rows[0]).join(', ');
  const text = `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, :rows)`;
  return sql(text, { rows: JSON.stringify(rows) });
}
