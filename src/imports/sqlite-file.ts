import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Database } from 'node-sqlite3-wasm';
import { ConfigError } from '../core/config';
import type { SourceRow } from './cells';

/** Rows that are in memory at the same time. */
const pageSize = 500;

/** The files that belong to a database: writes that are not yet in it, or that are to be undone. */
const companions = ['-wal', '-journal'];

/** Where SQLite places its locks. Only Linux lists the locks of other processes. */
const [lockList, firstLockByte] = ['/proc/locks', 0x40000000];

/**
 * A private copy of an SQLite file, with the writes that are still in its journal. The file itself is only read: reading it
 * in place could create or empty files beside it.
 */
export class SqliteFile {
  private constructor(
    private readonly path: string,
    private readonly folder: string,
    private readonly database: Database,
  ) {}

  /** @throws ConfigError if the file is not a complete SQLite database, or if another program is writing to it */
  static open(path: string): SqliteFile {
    refuseOtherFiles(path);
    refuseLocked(path);
    const folder = mkdtempSync(join(tmpdir(), 'cairn-import-'));
    try {
      copyUnchanged(path, join(folder, 'source.db'));
      const database = new Database(join(folder, 'source.db'), { fileMustExist: true });
      const file = new SqliteFile(path, folder, database);
      file.refuseDamaged();
      return file;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error instanceof ConfigError ? error : damaged(path, (error as Error).message);
    }
  }

  close(): void {
    this.database.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The version that the application has stored; 0 if it stores none. */
  get userVersion(): number {
    return Number(this.values('PRAGMA user_version')[0]);
  }

  tables(): string[] {
    const text = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`;
    return this.values(text).map(String);
  }

  columns(table: string): string[] {
    return this.values(`SELECT name FROM pragma_table_info(${literal(table)})`).map(String);
  }

  count(table: string, conditionSql = 'true'): number {
    return Number(this.values(`SELECT count(*) FROM ${name(table)} WHERE ${conditionSql}`)[0]);
  }

  /** All rows of a table with these columns, in the order of their ids. */
  *rows(table: string, columns: string[]): Generator<SourceRow> {
    if (!this.hasRowIds(table)) {
      for (const row of this.database.all(selectSql(name(table), columns)) as SourceRow[]) yield decoded(row);
      return;
    }
    const text = `${selectSql(name(table), columns)} WHERE rowid > ? ORDER BY rowid LIMIT ${pageSize}`;
    const statement = this.database.prepare(text.replace('SELECT ', `SELECT rowid AS ${name(keyColumn)}, `));
    try {
      let page: SourceRow[] = [];
      let last: number | bigint = -(2n ** 63n);
      do {
        page = statement.all([last]) as SourceRow[];
        for (const { [keyColumn]: current, ...row } of page) {
          last = current as number | bigint;
          yield decoded(row);
        }
      } while (page.length === pageSize);
    } finally {
      statement.finalize();
    }
  }

  /** The rows with these ids, in this order. */
  *rowsById(table: string, columns: string[], ids: number[]): Generator<SourceRow> {
    // Rows are read in pages, because the library reads the names of the columns again for each result.
    const key = name(keyColumn);
    const pageSql = `(SELECT value AS ${key} FROM json_each(?)) CROSS JOIN ${name(table)} ON ${name(table)}.id = ${key}`;
    const statement = this.database.prepare(selectSql(pageSql, columns));
    try {
      for (let start = 0; start < ids.length; start += pageSize) {
        const page = JSON.stringify(ids.slice(start, start + pageSize));
        for (const row of statement.all([page]) as SourceRow[]) yield decoded(row);
      }
    } finally {
      statement.finalize();
    }
  }

  /** Tables can be declared WITHOUT ROWID. */
  private hasRowIds(table: string): boolean {
    try {
      this.database.get(`SELECT rowid FROM ${name(table)} LIMIT 1`);
      return true;
    } catch {
      return false;
    }
  }

  private values(text: string): unknown[] {
    return (this.database.all(text) as SourceRow[]).map((row) => Object.values(row)[0]);
  }

  private refuseDamaged(): void {
    // Without shared memory, a write-ahead log can only be read by the only user of a database.
    this.database.exec('PRAGMA locking_mode = exclusive');
    const [found] = this.values('PRAGMA quick_check(1)');
    if (found !== 'ok') throw damaged(this.path, String(found));
  }
}

const keyColumn = '\u0001key';

/** Text is read as bytes: the library would end it at a null character, and replace bytes that are not UTF-8. */
function selectSql(tableSql: string, columns: string[]): string {
  const cells = columns.map(name).map((column) => {
    return `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) ELSE ${column} END AS ${column}`;
  });
  return `SELECT ${cells.join(', ')} FROM ${tableSql}`;
}

function decoded(row: SourceRow): SourceRow {
  for (const column in row) {
    const cell = row[column];
    if (cell instanceof Uint8Array && isUtf8(cell)) row[column] = Buffer.from(cell).toString();
  }
  return row;
}

function name(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function damaged(path: string, reason: string): ConfigError {
  return new ConfigError(
    `${path} is damaged, and nothing was imported: ${reason}. Restore it from a backup, or recover it with: ` +
      `sqlite3 ${basename(path)} .recover`,
  );
}

/** The first bytes of every SQLite file. https://www.sqlite.org/fileformat.html#the_database_header */
function refuseOtherFiles(path: string): void {
  if (!existsSync(path) || !statSync(path).isFile()) throw new ConfigError(`There is no file ${path}.`);
  const header = Buffer.alloc(100);
  const file = openSync(path, 'r');
  const length = readSync(file, header, 0, 100, 0);
  closeSync(file);
  if (length < 100 || header.toString('latin1', 0, 16) !== 'SQLite format 3\0') {
    throw new ConfigError(`${path} is not an SQLite database: its first 16 bytes are not "SQLite format 3".`);
  }
  if (header.readUInt32BE(56) > 1)
    throw new ConfigError(`${path} stores text in UTF-16, which is not supported.`);
  const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const pages = header.readUInt32BE(28);
  const isCountValid = header.readUInt32BE(24) === header.readUInt32BE(92);
  const { size } = statSync(path);
  if (isCountValid && size < pages * pageBytes && !companions.some((suffix) => existsSync(path + suffix))) {
    throw new ConfigError(`${path} is truncated: it has ${size} of ${pages * pageBytes} bytes.`);
  }
}

function refuseLocked(path: string): void {
  const remedy = 'Close the program that uses it, and run the import again.';
  if (existsSync(`${path}.lock`)) throw new ConfigError(`${path} is locked by ${path}.lock. ${remedy}`);
  if (!existsSync(lockList)) return;
  const { ino } = statSync(path);
  // 1: POSIX  ADVISORY  WRITE 4711 08:01:123456 1073741824 1073742335
  const locks = readFileSync(lockList, 'utf8').matchAll(/ WRITE (\d+) \S+:(\d+) (\d+) /g);
  for (const [, pid, inode, start] of locks) {
    if (Number(inode) === ino && Number(start) >= firstLockByte && Number(start) < firstLockByte + 512)
      throw new ConfigError(`${path} is locked by the process ${pid}, which is writing to it. ${remedy}`);
  }
}

/** @throws ConfigError if the file changes meanwhile: the copy could contain a part of a write */
function copyUnchanged(path: string, copy: string): void {
  const state = () =>
    ['', ...companions].map((suffix) => {
      const stats = statSync(path + suffix, { bigint: true, throwIfNoEntry: false });
      return stats && `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
    });
  const before = state();
  for (const suffix of ['', ...companions])
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  if (String(state()) !== String(before)) {
    throw new ConfigError(
      `${path} changed while it was read. Close the program that uses it, and run the import again.`,
    );
  }
}
