import { createHash } from 'node:crypto';
import { isId, isStorable } from '../http/fields';
import { readMoment } from '../http/moments';
import { invalid } from '../http/problem';
import { Fragment, Parameters } from './statement';

/**
 * A time, or what stands for it where it is absent. Indexes on such times hold just this. It is no `coalesce`, which
 * PostgreSQL does not count among what is leakproof: below a policy, no index would serve a comparison with it.
 */
function orElse(column: string, absent: string): string {
  return `CASE WHEN ${column} IS NULL THEN '${absent}' ELSE ${column} END`;
}

/** The place of a time in a list from the beginning: rows without one come last. */
export function absentLast(column: string): string {
  return orElse(column, 'infinity');
}

/** A column that lists may be sorted by. Moments that may be absent come last, whatever the direction. */
export type SortColumn = 'text' | 'integer' | 'moment' | 'moment or none';

export interface SortKey {
  column: string;
  descending: boolean;
}

/** What a client asks of a list besides its filters. */
export interface PageRequest {
  sort: SortKey[];
  /** 1–200 */
  limit: number;
  cursor?: string;
  include?: string;
}

/** What a cursor may hold: it comes back from clients, who may have had ideas. */
const isOf: Record<SortColumn | 'id', (value: unknown) => boolean> = {
  id: isId,
  text: isStorable,
  integer: Number.isSafeInteger,
  moment: isMoment,
  'moment or none': isMoment,
};

function isMoment(value: unknown): boolean {
  return typeof value === 'string' && readMoment(value) === value;
}

/**
 * Keyset pagination: a page begins after the sort keys of the last row of the one before. No row is skipped or
 * repeated when others come and go, and page 1,000 costs what page 1 costs.
 */
export class Keyset {
  private readonly keys: (SortKey & { type: SortColumn | 'id'; sql: string; absent: string | null })[];

  /** @param list what makes this list another than all others: its filters */
  constructor(
    private readonly table: string,
    columns: Record<string, SortColumn>,
    private readonly page: PageRequest,
    private readonly list: unknown,
  ) {
    const last = page.sort.at(-1);
    const isById = last?.column === 'id';
    const sort = isById ? page.sort : [...page.sort, { column: 'id', descending: last?.descending ?? false }];
    this.keys = sort.map((key) => {
      const type = columns[key.column] ?? 'id';
      const absent = type === 'moment or none' ? (key.descending ? '-infinity' : 'infinity') : null;
      const column = `${table}.${key.column}`;
      return { ...key, type, absent, sql: absent ? orElse(column, absent) : column };
    });
  }

  /** A cursor serves only the list that it came from. */
  private get fingerprint(): string {
    const list = JSON.stringify([this.table, this.page.sort, this.list]);
    return createHash('sha256').update(list).digest('base64url').slice(0, 12);
  }

  get order(): { sql: string; direction: 'ASC' | 'DESC' }[] {
    return this.keys.map(({ sql, descending }) => ({ sql, direction: descending ? 'DESC' : 'ASC' }));
  }

  /** @throws Problem 422 for a cursor that is not from this list */
  after(cursor: string): Fragment {
    const values = this.decode(cursor);
    const parameters: Parameters = Object.fromEntries(
      values.map((value, index) => [`after_${index}`, value]),
    );
    const isUniform = this.keys.every(({ descending }) => descending === this.keys[0]!.descending);
    return { sql: isUniform ? this.rowComparison() : this.stepwiseComparison(), parameters };
  }

  /** @param row the last one of a page, as JSON */
  cursor(row: string): string {
    const fields = JSON.parse(row) as Record<string, unknown>;
    const values = this.keys.map(({ column, absent }) => fields[column] ?? absent);
    return Buffer.from(JSON.stringify([this.fingerprint, ...values])).toString('base64url');
  }

  /** All keys in one direction: one comparison, which an index serves. */
  private rowComparison(): string {
    const columns = this.keys.map(({ sql }) => sql).join(', ');
    const values = this.keys.map((_key, index) => `:after_${index}`).join(', ');
    return `(${columns}) ${this.keys[0]!.descending ? '<' : '>'} (${values})`;
  }

  private stepwiseComparison(): string {
    const steps = this.keys.map(({ sql, descending }, index) => {
      const equal = this.keys.slice(0, index).map((key, earlier) => `${key.sql} = :after_${earlier}`);
      return [...equal, `${sql} ${descending ? '<' : '>'} :after_${index}`].join(' AND ');
    });
    return `((${steps.join(') OR (')}))`;
  }

  private decode(cursor: string): unknown[] {
    try {
      const [fingerprint, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
      const isSound = this.keys.every(
        ({ type, absent }, index) =>
          isOf[type](values[index]) || (absent !== null && values[index] === absent),
      );
      if (fingerprint === this.fingerprint && values.length === this.keys.length && isSound) return values;
    } catch {
      // Not JSON: answered below.
    }
    const message =
      'is not a cursor of this list: use next_cursor of the previous page with the same filters and sort order';
    throw invalid([{ field: 'cursor', code: 'invalid_cursor', message }]);
  }
}
