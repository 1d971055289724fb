import type { ConfiguredDataSource } from '../schema/data-source';
import { Section, sections } from './database-report-sections';

/** A cell of a section. */
type Value = string | number | boolean | null | number[];

/** The report as JSON. Sections are in the order in which they are shown; names of sections and columns are stable. */
export interface DatabaseReport {
  database: string;
  role: string;
  created_at: string;
  sections: Record<string, ReportedSection>;
}

interface ReportedSection {
  title: string;
  /** Why there are no rows although there could be some: a missing right or extension, or the timeout. */
  note: string | null;
  rows: Record<string, Value>[];
}

/** For each section. Locks of migrations can delay one, since the sizes of tables need a lock too. */
const timeout = '5s';

/** The extension pg_stat_statements can be in any schema. */
const settingsSql = `SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '${timeout}';
  SELECT set_config('search_path', concat_ws(', ', 'public', extnamespace::regnamespace), true)
  FROM pg_extension WHERE extname = 'pg_stat_statements'`;

/** Reads all sections. What cannot be read has a note instead of rows. */
export async function readDatabaseReport(dataSource: ConfiguredDataSource): Promise<DatabaseReport> {
  const [server] = await dataSource.query<Server[]>(
    `SELECT current_database() AS database, current_user AS role,
       pg_has_role('pg_read_all_stats', 'USAGE') AS "canReadStatistics"`,
  );
  const { database, role, canReadStatistics } = server!;
  const read: DatabaseReport['sections'] = {};
  for (const section of sections) {
    const isAllowed = canReadStatistics || !section.needsStatistics;
    const note = `Not shown: the role ${role} cannot see the activity of other roles. As a superuser, run: GRANT pg_monitor TO ${role}`;
    const result = isAllowed ? await readSection(dataSource, section) : { note, rows: [] };
    read[section.name] = { title: section.title, ...result };
  }
  return { database, role, created_at: new Date().toISOString(), sections: read };
}

interface Server {
  database: string;
  role: string;
  canReadStatistics: boolean;
}

async function readSection(
  dataSource: ConfiguredDataSource,
  { sql }: Section,
): Promise<Omit<ReportedSection, 'title'>> {
  try {
    const rows = await dataSource.transaction(async (manager) => {
      await manager.query(settingsSql);
      // As JSON, because the driver returns large numbers as strings.
      return manager.query<{ row: Record<string, Value> }[]>(
        `SELECT to_json(section) AS row FROM (${sql}) section`,
      );
    });
    return { note: null, rows: rows.map(({ row }) => row) };
  } catch (error) {
    return { note: noteOf(error as Error & { code?: string }), rows: [] };
  }
}

/** @throws the error itself if the connection is lost */
function noteOf(error: Error & { code?: string }): string {
  const { code = '', message } = error;
  if (message.includes('pg_stat_statements')) return statementsNote;
  if (code === '57014') return `Not shown: reading it takes longer than ${timeout}.`;
  if (!/^\w{5}$/.test(code) || /^(08|57P)/.test(code)) throw error;
  return `Not shown: ${message}.`;
}

const statementsNote =
  'Not shown: pg_stat_statements is not enabled. Add it to shared_preload_libraries, restart PostgreSQL, and run as a ' +
  'superuser in this database: CREATE EXTENSION pg_stat_statements';

/** The report as aligned tables. */
export function formatDatabaseReport(report: DatabaseReport): string {
  return sections
    .map(({ name, title, advice }) => {
      const { note, rows } = report.sections[name]!;
      if (note) return `${title}\n  ${note}\n`;
      if (rows.length === 0) return `${title}\n  none\n`;
      const lines = table(rows).map((line) => `  ${line}\n`);
      return `${title}\n${lines.join('')}${advice ? `  ${advice}\n` : ''}`;
    })
    .join('\n');
}

/** A header and one line per row. Numbers are aligned to the right. */
function table(rows: Record<string, Value>[]): string[] {
  const columns = Object.keys(rows[0]!).map((name) => {
    const cells = [name, ...rows.map((row) => cell(name, row[name]!))];
    const width = Math.max(...cells.map((text) => text.length));
    const isNumber = rows.every((row) => row[name] === null || typeof row[name] === 'number');
    return cells.map((text) => (isNumber ? text.padStart(width) : text.padEnd(width)));
  });
  return columns[0]!.map((_cell, line) =>
    columns
      .map((cells) => cells[line])
      .join('  ')
      .trimEnd(),
  );
}

function cell(column: string, value: Value): string {
  if (value === null) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'number') return String(value).replace(/\.\d+(?=[+-]\d\d:\d\d$)/, '');
  if (column === 'pid') return String(value);
  return column.endsWith('bytes') ? size(value) : value.toLocaleString('en', { maximumFractionDigits: 3 });
}

function size(bytes: number): string {
  const unit = Math.min(3, Math.floor(Math.log2(Math.max(1, Math.abs(bytes))) / 10));
  return `${(bytes / 1024 ** unit).toFixed(unit && 1)} ${['B', 'KiB', 'MiB', 'GiB'][unit]}`;
}
