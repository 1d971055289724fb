import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { QueryRunner } from 'typeorm';
import { ConfigError } from '../core/config';

/** Numbers of rows by table, such as `public.tasks`. */
export type RowCounts = Record<string, number>;

/** Describes a dump, in a file beside it. */
export interface BackupManifest {
  format: 1;
  created_at: string;
  database: string;
  /** The schema owner. A dump contains policies and default privileges that name it. */
  owner: string;
  /** Such as 180004. */
  server_version: number;
  pg_dump_version: string;
  /** The names of the applied migrations, in their order. */
  migrations: string[];
  /** The rows in the snapshot of the dump. */
  tables: RowCounts;
  bytes: number;
  sha256: string;
}

export function manifestFile(file: string): string {
  return `${file}.json`;
}

/**
 * Reads the manifest of a dump and checks the dump against it.
 * @throws ConfigError if one of the files is missing or damaged
 */
export async function readBackup(file: string): Promise<BackupManifest> {
  for (const path of [file, manifestFile(file)]) {
    if (!existsSync(path))
      throw new ConfigError(`There is no file ${path}. A backup consists of a dump and its .json file.`);
  }
  const manifest = parseManifest(manifestFile(file));
  const { size } = statSync(file);
  if (size !== manifest.bytes) {
    throw new ConfigError(
      `${file} is damaged: it has ${size} bytes, and ${manifest.bytes} when it was written. Use another backup.`,
    );
  }
  if ((await checksumOf(file)) !== manifest.sha256) {
    throw new ConfigError(
      `${file} is damaged: its checksum differs from the one in its .json file. Use another backup.`,
    );
  }
  return manifest;
}

function parseManifest(path: string): BackupManifest {
  const manifest = parseJson(readFileSync(path, 'utf8')) as
    Partial<Record<string, unknown>> | null | undefined;
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const { created_at, database, owner, sha256, migrations, tables, server_version, bytes } = manifest ?? {};
  if (
    manifest?.format === 1 &&
    [created_at, database, owner, sha256].every(isText) &&
    [server_version, bytes].every(isCount) &&
    Array.isArray(migrations) &&
    migrations.every(isText) &&
    typeof tables === 'object' &&
    tables !== null &&
    Object.values(tables).every(isCount)
  ) {
    return manifest as unknown as BackupManifest;
  }
  throw new ConfigError(`${path} is damaged, or not the .json file of a backup. Use another backup.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function checksumOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** SQL of the tables of a database, of extensions not included. Columns: name. */
const tablesSql = `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
  ORDER BY 1`;

/** Counts the rows of all tables that the role can see. */
export async function countRows(runner: QueryRunner): Promise<RowCounts> {
  const tables = (await runner.query(tablesSql)) as { name: string }[];
  const counts: RowCounts = {};
  for (const { name } of tables) {
    const rows = (await runner.query(`SELECT count(*)::float8 AS count FROM ONLY ${name}`)) as {
      count: number;
    }[];
    counts[name] = rows[0]!.count;
  }
  return counts;
}

/** One line for each table whose counts differ. */
export function compareCounts(expected: RowCounts, actual: RowCounts): string[] {
  const tables = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort();
  return tables
    .filter((table) => expected[table] !== actual[table])
    .map((table) => `${table}: ${expected[table] ?? 'missing'}, ${actual[table] ?? 'missing'}`);
}

export function totalRows(counts: RowCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Counts the rows by table in the SQL of a dump. In the text format of COPY, each row is one line. */
export async function countDumpedRows(sql: AsyncIterable<Buffer>): Promise<RowCounts> {
  const counts: RowCounts = {};
  let table: string | undefined;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of sql) {
    const data = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    for (let end = data.indexOf(10); end >= 0; start = end + 1, end = data.indexOf(10, start)) {
      if (table === undefined) {
        [, table] = /^COPY (.+?) \(/.exec(data.toString('utf8', start, end)) ?? [];
        if (table !== undefined) counts[table] = 0;
      } else if (end - start === 2 && data[start] === 0x5c && data[start + 1] === 0x2e) {
        table = undefined; // the line \.
      } else {
        counts[table]!++;
      }
    }
    rest = data.subarray(start);
  }
  return counts;
}
