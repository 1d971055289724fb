import { createReadStream, statSync } from 'node:fs';
import { Config, ConfigError } from '../core/config';
import { Problem } from '../core/problem';
import type { Database } from '../database/database';
import { members } from './export-items';
import { ExportImport } from './export-import';
import type { DocumentSource } from './export-outline';
import { createdText, findOwner } from './import-owner';
import type { OnProgress } from './import-report';
import { runAsOwner } from './import-transaction';

export interface ImportExportOptions {
  file: string;
  /** Email address of the account. */
  owner: string;
  createOwner: boolean;
  dryRun: boolean;
}

/**
 * Imports a file with an export into an account, in one transaction.
 * @returns a summary for the operator
 * @throws ConfigError if nothing was imported
 */
export async function importExport(
  database: Database,
  config: Config,
  { file, owner: email, createOwner, dryRun }: ImportExportOptions,
  onProgress: OnProgress,
): Promise<string> {
  const document = openFile(file);
  const owner = await findOwner(database, config, email, 'UTC', createOwner);
  const work = new ExportImport(database, config, owner.id, onProgress);
  try {
    await work.check(document);
    await runAsOwner(database, owner, dryRun, async () => {
      await work.write(document);
    });
  } catch (error) {
    if (error instanceof Problem) throw new ConfigError(messageOf(error));
    throw error;
  }
  const { created, existing } = work.counts;
  const lines = members.map(
    (member) =>
      `  ${member}: ${created[member]} created, ${existing[member]} existed and were left as they are`,
  );
  const outcome = dryRun
    ? 'Dry run: everything was written and rolled back. The database is unchanged.'
    : `Imported ${file} into the account ${owner.email}.${createdText(owner)}`;
  return [outcome, ...lines].join('\n');
}

/** @throws ConfigError if the file cannot be read */
function openFile(file: string): DocumentSource {
  try {
    return { size: statSync(file).size, chunks: () => createReadStream(file) };
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}.`);
  }
}

function messageOf({ detail, errors = [] }: Problem): string {
  return [detail, ...errors.map(({ field, message }) => `- ${field}: ${message}`)].join('\n');
}
