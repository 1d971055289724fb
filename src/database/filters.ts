import type { Fragment } from './statement';

/** Makes the condition that a query parameter stands for; `name` is the parameter's, and its SQL parameter's too. */
export type Filter = (name: string, value: never) => Fragment;

const isPlainDate = (moment: string) => moment.length === 10;

/**
 * SQL of a moment, or of the end of a plain date in the owner's time zone. All of that in one subselect: AT TIME ZONE is
 * not leakproof, and outside it would keep a comparison from being the condition of an index, below a policy.
 */
export function momentOrEndOfDay(name: string, moment: string): string {
  return isPlainDate(moment)
    ? `(SELECT (:${name}::date + time '23:59:59.999') AT TIME ZONE u.timezone FROM users u WHERE u.id = :user_id)`
    : `:${name}::timestamptz`;
}

function momentOrStartOfDay(name: string, moment: string): string {
  return isPlainDate(moment)
    ? `(SELECT ${startOfDay(`:${name}::date`, 'u.timezone')} FROM users u WHERE u.id = :user_id)`
    : `:${name}::timestamptz`;
}

/**
 * SQL of the first moment of a date in a time zone. Where clocks go back from one o'clock to midnight, there are two
 * midnights, and PostgreSQL means the second one.
 */
export function startOfDay(date: string, timezone: string): string {
  const midnight = `(${date})::timestamp AT TIME ZONE ${timezone}`;
  return `(${midnight} - CASE WHEN ((${midnight} - interval '1 hour') AT TIME ZONE ${timezone})::date = ${date}
    THEN interval '1 hour' ELSE interval '0' END)`;
}

/** One of the values; `null` among them stands for rows without any. */
export function anyOf(column: string) {
  return (name: string, values: (string | number | null)[]): Fragment => {
    const present = values.filter((value) => value !== null);
    const conditions: string[] = [];
    // One value is told apart from several, because with one the index also gives the order.
    if (present.length === 1) conditions.push(`${column} = :${name}`);
    if (present.length > 1) conditions.push(`${column} = ANY(:${name})`);
    if (present.length < values.length) conditions.push(`${column} IS NULL`);
    return {
      sql: `(${conditions.join(' OR ')})`,
      parameters: { [name]: present.length > 1 ? present : present[0] },
    };
  };
}

/**
 * At or after a moment, or the beginning of a plain date.
 * @param indexed the expression that an index on this time holds, where it is not the column itself
 */
export function from(column: string, indexed = column) {
  return (name: string, moment: string): Fragment => {
    const limit = momentOrStartOfDay(name, moment);
    const sql =
      indexed === column ? `${column} >= ${limit}` : `${indexed} >= ${limit} AND ${column} IS NOT NULL`;
    return { sql, parameters: { [name]: moment } };
  };
}

/** Before a moment, or the beginning of a plain date. `indexed` as for `from`. */
export function before(column: string, indexed = column) {
  return (name: string, moment: string): Fragment => ({
    sql: `${indexed} < ${momentOrStartOfDay(name, moment)}`,
    parameters: { [name]: moment },
  });
}

/** One condition for true and another for false. */
export function flag(whenTrue: string, whenFalse: string) {
  return (_name: string, value: boolean): Fragment => ({ sql: value ? whenTrue : whenFalse });
}

/** The text in one of the columns, literally and ignoring case. */
export function contains(...columns: string[]) {
  return (name: string, text: string): Fragment => ({
    sql: `(${columns.map((column) => `${column} ILIKE :${name}`).join(' OR ')})`,
    parameters: { [name]: `%${text.replace(/[\\%_]/g, '\\$&')}%` },
  });
}

/** The filters that tasks and goals have in common. */
export function rowFilters(table: string) {
  return {
    created_from: from(`${table}.created_at`),
    created_before: before(`${table}.created_at`),
    updated_from: from(`${table}.updated_at`),
    updated_before: before(`${table}.updated_at`),
    completed_from: from(`${table}.completed_at`),
    completed_before: before(`${table}.completed_at`),
    q: contains(`${table}.title`, `${table}.description`),
  };
}
