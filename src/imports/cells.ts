import { EnumValues } from '../core/enum-values';
import { characterCount, hasAtMost, isStorableJson, isVisibleText } from '../core/text';
import type { LocalTimes } from '../core/time-zones';
import { parseTimestamp } from '../core/timestamps';

/** A value of SQLite. Bytes are a binary value, or text that is not valid UTF-8. */
export type Cell = null | number | bigint | string | Uint8Array;

/** A row of SQLite by the names of its columns. Columns that the file does not have are absent. */
export type SourceRow = Record<string, Cell>;

/** Why a value of the source does not arrive as it is, in the words of the report. */
export const rules = {
  repeated: 'Local times that occurred twice, because the clock was set back: the first was taken',
  skipped: 'Local times that never occurred, because the clock was set forward: they were moved forward',
  basis:
    'created_at that may be UTC or local time, because it is close to --created-at-utc-before: UTC was taken',
  time: 'Times that cannot be read, or outside of the years that Cairn stores',
  created: 'Rows without a readable created_at: the time of completion or of this import was taken',
  completed: 'Completed rows without completed_at: the last known time was taken',
  notCompleted: 'Rows with completed_at that are not completed: completed_at was left out',
  status: 'Statuses with another spelling, unknown ones, and none',
  horizon: 'Unknown horizons: left out',
  priority: 'Priorities that are not an integer from 1 to 5',
  number: 'Numbers that Cairn stores with 2 decimal places, or that are out of range',
  title: 'Rows without a visible title',
  blank: 'Text fields without a visible character: left out',
  characters: 'Text with null characters (removed) or bytes that are not UTF-8 (replaced)',
  tags: 'Tags: duplicates merged ignoring case, blank ones and those that are no text left out',
  json: 'JSON that cannot be read or stored as it is',
  orphan: 'References to rows that do not exist: unlinked',
  cycle: 'References that form a cycle: the closing one was unlinked',
  depth: 'Goals nested deeper than QUOTA_GOAL_DEPTH: unlinked from their parent',
  deleted: 'References to rows that were deleted in Cairn: unlinked',
} as const;

export type Rule = keyof typeof rules;

/** What happened to one value of a row. */
export interface Note {
  /** Absent if the value cannot be imported at all, which stops the import. */
  rule?: Rule;
  column: string;
  text: string;
  /** The value of the source, if the row in Cairn does not show it. */
  original?: Cell;
}

/** How the times of a source are read. */
export interface TimeOptions {
  zone: LocalTimes;
  /** `created_at` of tasks is UTC before this time, and local after. Milliseconds. */
  createdAtUtcBefore: number;
  /** Replaces a created_at that cannot be read. Milliseconds. */
  importedAt: number;
}

const naiveTime = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?$/;

/** The years in which ids of version 7 have a time, up to the last one that Cairn stores. */
const [firstId, lastTime] = [0, Date.UTC(9999, 11, 31, 23, 59, 59, 999)];
const firstTime = Date.UTC(1900, 0, 1);

/** Converts the values of one row, and collects notes on those that do not arrive as they are. */
export class Cells {
  readonly notes: Note[] = [];

  constructor(private readonly row: SourceRow) {}

  cell(column: string): Cell {
    return this.row[column] ?? null;
  }

  /** Text of at most `max` characters. A longer one stops the import: text is never cut. */
  text(column: string, max: number): string | null {
    const value = this.storableText(column, this.cell(column));
    if (value !== null && !hasAtMost(max, value)) {
      this.refuse(column, `has ${characterCount(value)} characters; Cairn stores at most ${max}`);
    }
    return value;
  }

  /** Text that is absent if it has no visible character. */
  name(column: string, max: number): string | null {
    const value = this.text(column, max);
    if (value === null || isVisibleText(value)) return value;
    this.note('blank', column, 'no visible character → none', this.cell(column));
    return null;
  }

  title(column: string, max: number): string {
    const value = this.text(column, max);
    if (value !== null && isVisibleText(value)) return value;
    this.note(
      'title',
      column,
      `${value === null ? 'none' : 'no visible character'} → Untitled`,
      this.cell(column),
    );
    return 'Untitled';
  }

  /** A number with two decimal places; null if it is out of range. */
  decimal(column: string, min: number, max: number): number | null {
    const cell = this.cell(column);
    if (cell === null) return null;
    const value = typeof cell === 'string' && cell.trim() !== '' ? Number(cell) : cell;
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      this.note('number', column, `${shown(cell)} → none`, cell);
      return null;
    }
    const rounded = Math.round(value * 100) / 100;
    if (rounded !== value) this.note('number', column, `${shown(cell)} → ${rounded}`, cell);
    return rounded;
  }

  /** Like `decimal`, but a number out of range becomes the nearest one in it. */
  percentage(column: string): number | null {
    const cell = this.cell(column);
    if (typeof cell !== 'number' || (cell >= 0 && cell <= 100)) return this.decimal(column, 0, 100);
    const nearest = cell < 0 ? 0 : 100;
    this.note('number', column, `${shown(cell)} → ${nearest}`, cell);
    return nearest;
  }

  priority(column: string, values: EnumValues<number>): number {
    const cell = this.cell(column);
    if (typeof cell === 'number' && values.includes(cell)) return cell;
    const named = values.parse(cell);
    const number = typeof named === 'string' && named.trim() !== '' ? Number(named) : named;
    const value =
      typeof number === 'number' && !Number.isNaN(number) ? Math.min(Math.max(Math.round(number), 1), 5) : 3;
    this.note('priority', column, `${shown(cell)} → ${value}`, cell);
    return value;
  }

  /** An allowed value. One with another spelling is noted. @param fallback for unknown values and none */
  oneOf<Value extends string, Fallback extends Value | null>(
    column: string,
    values: EnumValues<Value>,
    fallback: Fallback,
    rule: Rule,
  ): Value | Fallback {
    const cell = this.cell(column);
    if (values.includes(cell)) return cell as Value;
    if (cell === null && fallback === null) return fallback;
    const parsed = values.parse(cell);
    const value = values.includes(parsed) ? (parsed as Value) : fallback;
    this.note(rule, column, `${shown(cell)} → ${value ?? 'none'}`, cell);
    return value;
  }

  /** Milliseconds of a local time. */
  localTime(column: string, { zone }: TimeOptions): number | null {
    return this.time(column, (local) => this.fromLocal(column, zone, local));
  }

  /** Milliseconds of a time in UTC. */
  utcTime(column: string): number | null {
    return this.time(column, (utc) => utc);
  }

  /** Milliseconds of a time that is UTC in old rows and local in newer ones. */
  mixedTime(column: string, { zone, createdAtUtcBefore }: TimeOptions): number | null {
    return this.time(column, (naive) => {
      if (naive >= createdAtUtcBefore) return this.fromLocal(column, zone, naive);
      const { utc: local } = zone.toUtc(naive);
      if (local >= createdAtUtcBefore) {
        this.note('basis', column, `${shown(this.cell(column))} → ${isoTime(naive)}, or ${isoTime(local)}`);
      }
      return naive;
    });
  }

  /** The items of a JSON list. SQL NULL, `null` and `[]` have none. */
  list(column: string): unknown[] {
    const value = this.json(column);
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.note('json', column, 'is not a list: left out', this.cell(column));
    return [];
  }

  /** A JSON object. SQL NULL and `null` are none. What cannot be stored as it is becomes the member of an object. */
  object(column: string, maxLength: number): Record<string, unknown> | null {
    const cell = this.cell(column);
    const text = this.storableText(column, cell);
    if (text === null) return null;
    const value = this.stored(column, text);
    if (value && JSON.stringify(value).length > maxLength) {
      this.refuse(
        column,
        `has more than ${maxLength} characters as JSON, which is the most that Cairn stores`,
      );
    }
    return value;
  }

  note(rule: Rule, column: string, text: string, original?: Cell): void {
    this.notes.push({ rule, column, text, original });
  }

  refuse(column: string, text: string): void {
    this.notes.push({ column, text });
  }

  private stored(column: string, text: string): Record<string, unknown> | null {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    if (value === null) return null;
    if (value === undefined || !isStorableJson(value)) {
      this.note('json', column, 'is not JSON that Cairn can store → the member "text" of an object');
      return { text };
    }
    if (Array.isArray(value) && value.length === 0) return {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
    this.note('json', column, 'is not an object → the member "value" of an object');
    return { value };
  }

  /** @returns undefined for none, and for what cannot be read */
  private json(column: string): unknown {
    const cell = this.cell(column);
    if (cell === null) return undefined;
    try {
      return JSON.parse(String(cell));
    } catch {
      this.note('json', column, 'cannot be read: left out', cell);
      return undefined;
    }
  }

  private storableText(column: string, cell: Cell): string | null {
    if (cell === null) return null;
    const text = cell instanceof Uint8Array ? new TextDecoder().decode(cell) : String(cell);
    const storable = text.replaceAll('\0', '');
    if (cell instanceof Uint8Array)
      this.note('characters', column, 'has bytes that are not UTF-8 → U+FFFD', cell);
    if (storable !== text) this.note('characters', column, 'has null characters → removed', cell);
    return storable;
  }

  private time(column: string, toUtc: (naive: number) => number): number | null {
    const cell = this.cell(column);
    if (cell === null) return null;
    const [naive, isAbsolute] = typeof cell === 'string' ? parseTime(cell) : [];
    const utc = naive === undefined ? undefined : isAbsolute ? naive : toUtc(naive);
    if (utc !== undefined && utc >= firstTime && utc <= lastTime) return utc;
    this.note('time', column, `${shown(cell)} → none`, cell);
    return null;
  }

  private fromLocal(column: string, zone: LocalTimes, local: number): number {
    const { utc, kind } = zone.toUtc(local);
    if (kind !== 'unique') this.note(kind, column, `${shown(this.cell(column))} → ${isoTime(utc)}`);
    return utc;
  }
}

/** Whether an id of version 7 can have this time. */
export function isIdTime(time: number | null): time is number {
  return time !== null && time >= firstId;
}

export function isoTime(time: number): string;
export function isoTime(time: number | null): string | null;
export function isoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** Milliseconds of a time without an offset as if it were UTC, or of one with an offset. Digits after them are dropped. */
function parseTime(text: string): [time?: number, isAbsolute?: boolean] {
  const [, date, minutes = '00:00', seconds = '00', fraction = ''] = naiveTime.exec(text.trim()) ?? [];
  const naive = date && `${date}T${minutes}:${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
  const timestamp = parseTimestamp(naive ?? text.trim());
  return timestamp === undefined ? [] : [Date.parse(timestamp), naive === undefined];
}

/** A value of the source in a line of the report. */
export function shown(cell: unknown): string {
  if (cell === null || cell === undefined) return 'none';
  if (cell instanceof Uint8Array) return 'bytes';
  const text = JSON.stringify(typeof cell === 'bigint' ? String(cell) : cell) ?? 'none';
  return text.length > 60 ? `${text.slice(0, 57).toWellFormed()}…` : text;
}
