import { readFileSync, statSync } from 'node:fs';
import { CsvError, parse } from 'csv-parse/sync';
import { ConfigError } from '../core/config';
import { Problem } from '../core/problem';
import { fieldsOf } from '../http/views';
import { validate } from '../http/validation';
import { AccountRow } from './account-row';

/** A file is read into memory as a whole. */
const maxFileBytes = 100_000_000;

/** How many faulty rows a message lists. */
const maxListed = 100;

/** A row of the file and its place there, for messages. */
export interface PlacedRow {
  place: string;
  row: AccountRow;
}

/**
 * Reads accounts from a CSV file with a header, or from a JSON file with an array of objects.
 * @throws ConfigError that lists every row with an error
 */
export async function readAccountFile(path: string): Promise<PlacedRow[]> {
  const text = decode(readBytes(path), path);
  const rows = /^\s*\[/.test(text) ? jsonRows(text, path) : csvRows(text, path);
  if (rows.length === 0) throw new ConfigError(`${path} has no accounts.`);
  const errors: string[] = [];
  const valid: PlacedRow[] = [];
  for (const { place, values } of rows) {
    try {
      valid.push({ place, row: await validate(AccountRow, values, place) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      for (const { field, message } of error.errors ?? [])
        errors.push(`${place}, ${field.slice(place.length + 1)}: ${message}`);
    }
  }
  errors.push(...duplicates(valid, 'email'), ...duplicates(valid, 'username'));
  refuse(path, errors);
  return valid;
}

/** @throws ConfigError with the first errors, if there are any */
export function refuse(path: string, errors: string[]): void {
  if (errors.length === 0) return;
  const more = errors.length - maxListed;
  const listed = errors.slice(0, maxListed).map((error) => `  ${error}`);
  if (more > 0) listed.push(`  and ${more} more`);
  throw new ConfigError(
    `${path} cannot be imported. Nothing was imported. Correct these rows:\n${listed.join('\n')}`,
  );
}

interface UncheckedRow {
  place: string;
  values: object;
}

function readBytes(path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > maxFileBytes) {
      throw new ConfigError(
        `${path} has ${size} bytes. Split it into files of at most ${maxFileBytes} bytes.`,
      );
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

function decode(bytes: Buffer, path: string): string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    const lines = bytes.toString('latin1').split('\n');
    const line = lines.findIndex((text) => {
      try {
        decoder.decode(Buffer.from(text, 'latin1'));
        return false;
      } catch {
        return true;
      }
    });
    throw new ConfigError(`${path} is not UTF-8: see line ${line + 1}. Convert it, for example with iconv.`);
  }
}

function jsonRows(text: string, path: string): UncheckedRow[] {
  let items: unknown[];
  try {
    items = JSON.parse(text) as unknown[];
  } catch (error) {
    throw new ConfigError(`${path} is not valid JSON: ${(error as Error).message}`);
  }
  return items.map((item, index) => {
    const place = `item ${index + 1}`;
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      throw new ConfigError(`${path}, ${place}: expected an object.`);
    }
    return { place, values: item };
  });
}

function csvRows(text: string, path: string): UncheckedRow[] {
  const columns = fieldsOf(AccountRow);
  const checkHeader = (header: string[]) => {
    const unknown = header.filter((name) => !columns.includes(name));
    if (unknown.length || !header.includes('email')) {
      const reason = unknown.length ? `unknown columns ${unknown.join(', ')}` : 'no column email';
      throw new ConfigError(
        `${path} has ${reason}. The first line must name the columns: email, and any of ${columns.slice(1).join(', ')}.`,
      );
    }
    return header;
  };
  try {
    const records = parse(text, { bom: true, columns: checkHeader, info: true, skip_empty_lines: true });
    return (records as unknown as { info: { lines: number }; record: Record<string, string> }[]).map(
      ({ info, record }) => ({ place: `line ${info.lines}`, values: fromCells(record) }),
    );
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new ConfigError(`${path} is not valid CSV: ${error.message}`);
  }
}

/** An empty cell has no value. Booleans and timestamps are accepted as PostgreSQL writes them. */
function fromCells(record: Record<string, string>): object {
  const booleans: Record<string, boolean> = {
    true: true,
    t: true,
    '1': true,
    false: false,
    f: false,
    '0': false,
  };
  const values: Record<string, unknown> = {};
  for (const [name, cell] of Object.entries(record)) {
    if (cell === '') continue;
    if (name.startsWith('is_')) values[name] = booleans[cell.toLowerCase()] ?? cell;
    else
      values[name] =
        name === 'created_at'
          ? cell.replace(/([+-]\d\d)$/, (hours, _group, at: number) => (at > 10 ? `${hours}:00` : hours))
          : cell;
  }
  return values;
}

function duplicates(rows: PlacedRow[], name: 'email' | 'username'): string[] {
  const places = new Map<string, string>();
  return rows.flatMap(({ place, row }) => {
    const value = row[name]?.toLowerCase();
    if (value === undefined) return [];
    const first = places.get(value);
    if (first === undefined) places.set(value, place);
    return first === undefined ? [] : [`${place}, ${name}: ${row[name]} is also in ${first}`];
  });
}
