import { basename } from 'node:path';
import { SQLite3Error } from 'node-sqlite3-wasm';
import { Config, ConfigError } from '../core/config';
import { Problem } from '../core/problem';
import { isTimezone, LocalTimes } from '../core/time-zones';
import type { Database } from '../database/database';
import { isoTime } from './cells';
import { createdText, findOwner } from './import-owner';
import { ImportReport, OnProgress } from './import-report';
import { ImportRun } from './import-run';
import { runAsOwner } from './import-transaction';
import { ReportFiles } from './report-files';
import { SqliteFile } from './sqlite-file';
import { SqliteSource } from './sqlite-source';

export interface ImportSqliteOptions {
  file: string;
  /** Email address of the account. */
  owner: string;
  createOwner: boolean;
  /** The zone of the local times in the file. */
  timezone: string;
  /** Before it, `created_at` of tasks is UTC. */
  createdAtUtcBefore: Date;
  dryRun: boolean;
  /** Path of the report; by default a new file in the current folder. */
  report?: string;
}

/**
 * Imports the database of the single-user planner into an account: in one transaction, which is verified before the commit.
 * @returns a summary for the operator
 * @throws ConfigError if nothing was imported
 */
export async function importSqlite(
  database: Database,
  config: Config,
  options: ImportSqliteOptions,
  onProgress: OnProgress,
): Promise<string> {
  if (!isTimezone(options.timezone)) {
    throw new ConfigError(
      `The time zone ${options.timezone} is unknown. Use an IANA name such as America/Los_Angeles, or UTC.`,
    );
  }
  const owner = await findOwner(database, config, options.owner, options.timezone, options.createOwner);
  const file = SqliteFile.open(options.file);
  try {
    const importedAt = Date.now();
    const times = {
      zone: new LocalTimes(options.timezone),
      createdAtUtcBefore: options.createdAtUtcBefore.getTime(),
      importedAt,
    };
    const source = new SqliteSource(file, times);
    const files = new ReportFiles(
      options.report ?? `cairn-import-${isoTime(importedAt).replace(/[:.]/g, '-')}.md`,
    );
    const report = new ImportReport();
    report.facts.push(
      ['File', options.file],
      ['Account', owner.email],
      ['Time zone of local times', options.timezone],
      ['created_at of tasks is UTC before', options.createdAtUtcBefore.toISOString()],
    );
    const summary = () =>
      `${report.summary()}\n\nReport: ${files.report}\nLeft out of Cairn: ${files.leftOut}`;
    try {
      source.analyze(report, onProgress);
      if (report.refusals.length) {
        throw new ConfigError('Some values do not fit into Cairn. Shorten them in the source.');
      }
      await runAsOwner(database, owner, options.dryRun, async () => {
        await new ImportRun(database, config, owner.id, source, report, onProgress).run();
        files.writeLeftOut(source, report);
      });
      report.outcome = options.dryRun
        ? 'Dry run: everything was written, verified and rolled back. The database is unchanged.'
        : `Imported ${basename(options.file)} into the account ${owner.email}, and verified it.${createdText(owner)}`;
    } catch (error) {
      const reason = operatorError(error);
      if (!reason) throw error;
      report.outcome = `Nothing was imported. ${reason}`;
      throw new ConfigError(summary());
    } finally {
      files.writeReport(report);
    }
    return summary();
  } finally {
    file.close();
  }
}

/** What the operator can correct; undefined for other errors. */
function operatorError(error: unknown): string | undefined {
  const cause = error instanceof Problem && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof ConfigError) return cause.message;
  if (cause instanceof SQLite3Error) return `The file cannot be read: ${cause.message}.`;
  return error instanceof Problem ? error.detail : undefined;
}
