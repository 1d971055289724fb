import { createHash } from 'node:crypto';
import { isId } from '../core/ids';
import type { PageRequest, SortKey } from '../core/page-request';
import { invalid } from '../core/problem';
import { isStorableText } from '../core/text';
import { parseTimestamp } from '../core/timestamps';
import type { Fragment, Parameters } from './statement';
import type { ColumnSql, Order } from './statement-builder';

/**
 * SQL of a timestamp, or of its replacement if it is null. Indexes on such columns contain exactly this expression.
 * PostgreSQL does not consider `coalesce` leakproof: with it, no index would serve a comparison under a policy.
 */
export function orElseSql(column: string, replacement: 'infinity' | '-infinity'): string {
  return `CASE WHEN ${column} IS NULL THEN '${replacement}' ELSE ${column} END`;
}

/** SQL of the sort key of a nullable timestamp, for ascending order with nulls last. */
export function nullsLastSql(column: string): string {
  return orElseSql(column, 'infinity');
}

/** The type of a column that lists may be sorted by. Nulls come last in both directions. */
export type SortType = 'id' | 'text' | 'integer' | 'timestamp' | 'nullable timestamp';

/** Checks the values in a cursor, which a client can forge. */
const isOfType: Record<SortType, (value: unknown) => boolean> = {
  id: isId,
  text: isStorableText,
  integer: Number.isSafeInteger,
  timestamp: isTimestamp,
  'nullable timestamp': isTimestamp,
};

function isTimestamp(value: unknown): boolean {
  return typeof value === 'string' && parseTimestamp(value) === value;
}

interface KeysetColumn extends SortKey {
  type: SortType;
  sql: string;
  /** The value that replaces null in a cursor. */
  nullReplacement: string | null;
}

/**
 * Keyset pagination: a page starts after the sort keys of the last row of the previous page. No row is skipped or
 * repeated when rows are created or deleted in the meantime, and all pages cost the same.
 */
export class Keyset {
  private readonly columns: KeysetColumn[];

  /**
   * @param sortTypes the columns that the list may be sorted by
   * @param key the columns that identify a row; they are appended to the sort order
   * @param filters the values of the list's filters: a cursor is valid for one list only
   * @param derived the SQL of columns that the table does not have
   */
  constructor(
    private readonly table: string,
    sortTypes: Record<string, SortType>,
    key: string[],
    private readonly page: PageRequest,
    private readonly filters: unknown,
    derived: ColumnSql = {},
  ) {
    const descending = page.sort.at(-1)?.descending ?? false;
    const missing = key.filter((column) => !page.sort.some((sort) => sort.column === column));
    const sort = [...page.sort, ...missing.map((column) => ({ column, descending }))];
    this.columns = sort.map((sortKey) => {
      const type = sortTypes[sortKey.column] ?? (key.includes(sortKey.column) ? 'id' : undefined);
      if (!type) throw new Error(`${table} has no sort type for the column ${sortKey.column}.`);
      const column = derived[sortKey.column] ?? `${table}.${sortKey.column}`;
      const replacement = sortKey.descending ? '-infinity' : 'infinity';
      const nullReplacement = type === 'nullable timestamp' ? replacement : null;
      return {
        ...sortKey,
        type,
        sql: nullReplacement ? orElseSql(column, nullReplacement) : column,
        nullReplacement,
      };
    });
  }

  get order(): Order[] {
    return this.columns.map(({ column, sql, descending }) => ({
      column,
      sql,
      direction: descending ? 'DESC' : 'ASC',
    }));
  }

  /**
   * The condition for the rows after a cursor.
   * @throws Problem 422 for a cursor of another list
   */
  after(cursor: string): Fragment {
    const values = this.decode(cursor);
    const parameters: Parameters = Object.fromEntries(
      values.map((value, index) => [`after_${index}`, value]),
    );
    const isUniform = this.columns.every(({ descending }) => descending === this.columns[0]!.descending);
    return { sql: isUniform ? this.rowComparisonSql() : this.stepwiseComparisonSql(), parameters };
  }

  /** @param row the last row of a page, or its columns of the order, as JSON */
  cursorOf(row: string): string {
    const fields = JSON.parse(row) as Record<string, unknown>;
    const values = this.columns.map(({ column, nullReplacement }) => fields[column] ?? nullReplacement);
    return Buffer.from(JSON.stringify([this.fingerprint, ...values])).toString('base64url');
  }

  /** Identifies the list that a cursor belongs to. */
  private get fingerprint(): string {
    const list = JSON.stringify([this.table, this.page.sort, this.filters]);
    return createHash('sha256').update(list).digest('base64url').slice(0, 12);
  }

  /** For columns with the same direction: a single comparison, which an index can serve. */
  private rowComparisonSql(): string {
    const columns = this.columns.map(({ sql }) => sql).join(', ');
    const values = this.columns.map((_column, index) => `:after_${index}`).join(', ');
    return `(${columns}) ${this.columns[0]!.descending ? '<' : '>'} (${values})`;
  }

  /** For columns with different directions. */
  private stepwiseComparisonSql(): string {
    const conditions = this.columns.map(({ sql, descending }, index) => {
      const equal = this.columns
        .slice(0, index)
        .map((column, earlier) => `${column.sql} = :after_${earlier}`);
      return [...equal, `${sql} ${descending ? '<' : '>'} :after_${index}`].join(' AND ');
    });
    return `((${conditions.join(') OR (')}))`;
  }

  private decode(cursor: string): unknown[] {
    try {
      const [fingerprint, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
      const isValid = this.columns.every(
        ({ type, nullReplacement }, index) =>
          isOfType[type](values[index]) || (nullReplacement !== null && values[index] === nullReplacement),
      );
      if (fingerprint === this.fingerprint && values.length === this.columns.length && isValid) return values;
    } catch {
      // Not JSON: refused below.
    }
    const message =
      'is not a cursor of this list: use next_cursor of the previous page with the same filters and sort order';
    throw invalid([{ field: 'cursor', code: 'invalid_cursor', message }]);
  }
}
