import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { ConfigError } from '../core/config';
import type { ImportReport } from './import-report';
import type { SqliteSource } from './sqlite-source';

/** The files that an import writes. Only the user of the process can read them, because they contain personal data. */
export class ReportFiles {
  readonly report: string;
  readonly leftOut: string;

  /** @throws ConfigError if the files cannot be written: that must be known before anything is imported */
  constructor(path: string) {
    this.report = resolve(path);
    this.leftOut = join(dirname(this.report), `${basename(this.report, extname(this.report))}.json`);
    if (this.leftOut === this.report)
      throw new ConfigError('The name of the report must not end with .json.');
    try {
      for (const file of [this.report, this.leftOut]) writeFileSync(file, '', { mode: 0o600 });
    } catch (error) {
      throw new ConfigError(`The report cannot be written: ${(error as Error).message}`);
    }
  }

  writeReport(report: ImportReport): void {
    writeFileSync(this.report, report.markdown(), { mode: 0o600 });
  }

  /** Writes what Cairn has no place for: other tables, some columns of goals, and the originals of mended values. */
  writeLeftOut(source: SqliteSource, report: ImportReport): void {
    const file = openSync(this.leftOut, 'w', 0o600);
    const write = (text: string) => writeSync(file, text);
    const writeItems = (items: Iterable<unknown>) => {
      let separator = '\n';
      for (const item of items) {
        write(`${separator}${JSON.stringify(item, toJson)}`);
        separator = ',\n';
      }
    };
    try {
      write('{"tables":{');
      for (const [index, { table, rows }] of source.otherTables().entries()) {
        write(`${index ? ',' : ''}\n${JSON.stringify(table)}:[`);
        writeItems(source.otherRows(table));
        write(']');
        report.leftOut.push(`the table ${table}: ${rows} rows, in ${basename(this.leftOut)}`);
      }
      write('},\n"values":[');
      const counts = new Map<string, number>();
      writeItems(counted(source.leftOutValues(), counts));
      for (const [column, count] of counts) {
        report.leftOut.push(`${column}: ${count} values, in ${basename(this.leftOut)}`);
      }
      write('],\n"originals":[');
      writeItems(report.originals);
      write(']}\n');
    } finally {
      closeSync(file);
    }
  }
}

function* counted<Item extends { table: string; column: string }>(
  items: Iterable<Item>,
  counts: Map<string, number>,
): Generator<Item> {
  for (const item of items) {
    const column = `${item.table}.${item.column}`;
    counts.set(column, (counts.get(column) ?? 0) + 1);
    yield item;
  }
}

/** Values of SQLite that JSON does not have. */
function toJson(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
  if (typeof value === 'bigint') return { integer: String(value) };
  return typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : value;
}
