import { ConfigError } from '../core/config';
import type { TimeOptions } from './cells';
import type { ImportReport, OnProgress } from './import-report';
import {
  convertGoal,
  convertTask,
  ConvertedRow,
  requiredColumns,
  sourceColumns,
  sourceHash,
  sourceKey,
  SourceTable,
} from './source-rows';
import { SqliteFile } from './sqlite-file';

/** What must be known about all rows at once. Texts are not: they are read again when they are written. */
export interface SourceEntry {
  key: string;
  hash: string;
  createdAt: number;
  goal: number | null;
  tags: string[];
  dependencies: number[];
}

export type AnyRow = ConvertedRow<object>;

const entityTables: SourceTable[] = ['goals', 'tasks'];
const convert = { goals: convertGoal, tasks: convertTask };

/** Columns that Cairn has no place for. */
const leftOutColumns = ['updated_at', 'repository_path'];

/** The database of the single-user planner that an import reads. */
export class SqliteSource {
  readonly entries: Record<SourceTable, Map<number, SourceEntry>> = { goals: new Map(), tasks: new Map() };

  private readonly tagNames = new Map<string, string>();

  /** @throws ConfigError if the file does not have the tables and columns of the planner, or has others */
  constructor(
    private readonly file: SqliteFile,
    private readonly times: TimeOptions,
  ) {
    if (file.userVersion !== 0) {
      throw new ConfigError(
        `The file was written by a newer version of the planner: its user_version is ${file.userVersion}, and 0 is supported. Nothing was imported.`,
      );
    }
    const tables = file.tables();
    for (const table of entityTables) {
      if (!tables.includes(table)) {
        throw new ConfigError(
          `The file has no table "${table}", so it is not a database of the planner. Its tables: ${tables.join(', ') || 'none'}. Nothing was imported.`,
        );
      }
      const columns = file.columns(table);
      const missing = requiredColumns.filter((column) => !columns.includes(column));
      if (missing.length) {
        throw new ConfigError(
          `The table "${table}" of the file lacks the columns ${missing.join(', ')}. Nothing was imported.`,
        );
      }
      this.refuseUnknownColumns(table, columns);
    }
  }

  /** Reads and checks all rows. */
  analyze(report: ImportReport, onProgress: OnProgress): void {
    for (const table of entityTables) {
      const count = this.file.count(table);
      for (const row of this.file.rows(table, this.columns(table))) {
        const { id } = row;
        if (typeof id !== 'number' || this.entries[table].has(id)) {
          throw new ConfigError(
            `The table "${table}" of the file has rows without a unique id: ${String(id)}. Nothing was imported.`,
          );
        }
        const { createdAt, goal, tags, dependencies, notes } = convert[table](row, this.times);
        for (const [index, tag] of tags.entries()) tags[index] = this.shared(tag);
        const entry = {
          key: sourceKey(row),
          hash: sourceHash(table, row),
          createdAt,
          goal,
          tags,
          dependencies,
        };
        this.entries[table].set(id, entry);
        report.addNotes(table, id, notes);
        onProgress(`Reading ${table}`, this.entries[table].size, count);
      }
      const absent = sourceColumns[table].filter((column) => !this.columns(table).includes(column));
      if (absent.length) report.leftOut.push(`${table}: the file has no columns ${absent.join(', ')}`);
    }
  }

  /** The rows with these ids, in this order. */
  *rows(
    table: SourceTable,
    ids: number[],
  ): Generator<[id: number, row: AnyRow, source: Record<string, unknown>]> {
    for (const row of this.file.rowsById(table, this.columns(table), ids)) {
      yield [row.id as number, convert[table](row, this.times), row];
    }
  }

  /** The tables that are not imported, with the number of their rows. */
  otherTables(): { table: string; rows: number }[] {
    const others = this.file.tables().filter((table) => !(entityTables as string[]).includes(table));
    return others.map((table) => ({ table, rows: this.file.count(table) }));
  }

  otherRows(table: string): Generator<Record<string, unknown>> {
    return this.file.rows(table, this.file.columns(table));
  }

  /** The values of goals and tasks that Cairn has no column for. */
  *leftOutValues(): Generator<{ table: string; id: unknown; column: string; value: unknown }> {
    for (const column of leftOutColumns) {
      if (!this.file.columns('goals').includes(column)) continue;
      for (const { id, [column]: value } of this.file.rows('goals', ['id', column])) {
        if (value !== null) yield { table: 'goals', id, column, value };
      }
    }
  }

  /** The same string for equal ones, of which each row would otherwise have its own. */
  private shared(tag: string): string {
    const known = this.tagNames.get(tag) ?? tag;
    this.tagNames.set(known, known);
    return known;
  }

  private columns(table: SourceTable): string[] {
    const existing = this.file.columns(table);
    return sourceColumns[table].filter((column) => existing.includes(column));
  }

  /** A column that a newer version added may change what the others mean, such as one that marks deleted rows. */
  private refuseUnknownColumns(table: SourceTable, columns: string[]): void {
    const known: readonly string[] = sourceColumns[table];
    for (const column of columns.filter((name) => !known.includes(name))) {
      const count = this.file.count(table, `"${column.replaceAll('"', '""')}" IS NOT NULL`);
      if (count > 0) {
        throw new ConfigError(
          `The file was written by a newer version of the planner: the column "${column}" of the table "${table}" is unknown and has values in ${count} rows. ` +
            `Nothing was imported. If you do not need them, drop the column in a copy of the file, and import the copy.`,
        );
      }
    }
  }
}
