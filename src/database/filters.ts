import { isPlainDate } from '../core/timestamps';
import { searchIn } from './search';
import type { Fragment } from './statement';

/** Turns a query parameter into a condition. @param name of the parameter, and of the SQL parameter */
export type Filter = (name: string, value: never) => Fragment;

/**
 * SQL of a timestamp, or of the end of a plain date in the user's time zone. The conversion is in a subselect: AT TIME ZONE
 * is not leakproof, so outside of a subselect no index could serve the comparison under a policy.
 */
export function timestampOrEndOfDaySql(name: string, timestamp: string): string {
  return isPlainDate(timestamp)
    ? `(SELECT (:${name}::date + time '23:59:59.999') AT TIME ZONE u.timezone FROM users u WHERE u.id = :user_id)`
    : `:${name}::timestamptz`;
}

function timestampOrStartOfDaySql(name: string, timestamp: string): string {
  return isPlainDate(timestamp)
    ? `(SELECT ${startOfDaySql(`:${name}::date`, 'u.timezone')} FROM users u WHERE u.id = :user_id)`
    : `:${name}::timestamptz`;
}

/**
 * SQL of the start of a date in a time zone. If clocks go back from 1:00 to midnight, the day has two midnights, and
 * PostgreSQL returns the second one.
 */
export function startOfDaySql(dateSql: string, timezoneSql: string): string {
  const midnightSql = `(${dateSql})::timestamp AT TIME ZONE ${timezoneSql}`;
  return `(${midnightSql} - CASE WHEN ((${midnightSql} - interval '1 hour') AT TIME ZONE ${timezoneSql})::date = ${dateSql}
    THEN interval '1 hour' ELSE interval '0' END)`;
}

/** The column has one of the values. Null among them means rows without a value. */
export function anyOf(column: string) {
  return (name: string, values: (string | number | null)[]): Fragment => {
    const present = values.filter((value) => value !== null);
    const conditions: string[] = [];
    // With `=` instead of `ANY`, an index can also provide the order.
    if (present.length === 1) conditions.push(`${column} = :${name}`);
    if (present.length > 1) conditions.push(`${column} = ANY(:${name})`);
    if (present.length < values.length) conditions.push(`${column} IS NULL`);
    return {
      sql: `(${conditions.join(' OR ')})`,
      parameters: { [name]: present.length > 1 ? present : present[0] },
    };
  };
}

/** The column has no value. */
export function isAbsent(column: string) {
  return (): Fragment => ({ sql: `${column} IS NULL` });
}

/**
 * The column is at or after a timestamp, or the start of a plain date.
 * @param indexedSql the expression in the index on the column, if it is not the column itself
 */
export function from(column: string, indexedSql = column) {
  return (name: string, timestamp: string): Fragment => {
    const limitSql = timestampOrStartOfDaySql(name, timestamp);
    const sql =
      indexedSql === column
        ? `${column} >= ${limitSql}`
        : `${indexedSql} >= ${limitSql} AND ${column} IS NOT NULL`;
    return { sql, parameters: { [name]: timestamp } };
  };
}

/** The column is before a timestamp, or the start of a plain date. `indexedSql` as for `from`. */
export function before(column: string, indexedSql = column) {
  return (name: string, timestamp: string): Fragment => ({
    sql: `${indexedSql} < ${timestampOrStartOfDaySql(name, timestamp)}`,
    parameters: { [name]: timestamp },
  });
}

/** One SQL condition per boolean value. */
export function either(trueSql: string, falseSql: string) {
  return (_name: string, value: boolean): Fragment => ({ sql: value ? trueSql : falseSql });
}

/** One of the columns contains the text, literally and ignoring case. */
export function contains(...columns: string[]) {
  return (name: string, text: string): Fragment => ({
    sql: `(${columns.map((column) => `${column} ILIKE :${name}`).join(' OR ')})`,
    parameters: { [name]: `%${text.replace(/[\\%_]/g, '\\$&')}%` },
  });
}

/** The filters that the lists of tasks and goals share. */
export function commonFilters(table: string) {
  return {
    created_from: from(`${table}.created_at`),
    created_before: before(`${table}.created_at`),
    updated_from: from(`${table}.updated_at`),
    updated_before: before(`${table}.updated_at`),
    completed_from: from(`${table}.completed_at`),
    completed_before: before(`${table}.completed_at`),
    q: searchIn(table),
  };
}
