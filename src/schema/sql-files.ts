import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { QueryRunner } from 'typeorm';
import { projectFolder } from '../core/config';

interface SqlFile {
  path: string;
  sql: string;
}

/** The .sql files below `src`: the current definitions of everything that the entities cannot express. */
export function sqlFiles(): SqlFile[] {
  const root = join(projectFolder, 'src'); // the compiled code has no copies
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.sql'),
  );
  return paths.sort().map((path) => ({
    path: `src/${path.split(sep).join('/')}`,
    sql: readFileSync(join(root, path), 'utf8'),
  }));
}

/**
 * Creates the tables of the entities and the objects of all files in `schema`, which must be first in the search path.
 * They can depend on each other: one that fails is retried after the others.
 * @throws Error with the reason for each file that cannot be applied
 */
export async function applySqlFiles(
  runner: QueryRunner,
  schema: string,
  entityStatements: string[],
): Promise<void> {
  const tables = { path: 'the entities', sql: entityStatements.join(';\n') };
  for (let files = [tables, ...sqlFiles()]; files.length > 0;) {
    const failures: { file: SqlFile; reason: string }[] = [];
    for (const file of files) {
      // Everything else names its objects without a schema.
      const sql = file.sql
        .replaceAll('SCHEMA public', `SCHEMA ${schema}`)
        .replaceAll('search_path = public,', `search_path = ${schema},`);
      const reason = await attempt(runner, sql);
      if (reason !== undefined) failures.push({ file, reason });
    }
    if (failures.length === files.length) {
      const reasons = failures.map(({ file, reason }) => `  ${file.path}: ${reason}`);
      throw new Error(`These files cannot be applied:\n${reasons.join('\n')}`);
    }
    files = failures.map(({ file }) => file);
  }
}

/** @returns the error message if the statements failed, in which case they have no effect */
async function attempt(runner: QueryRunner, sql: string): Promise<string | undefined> {
  await runner.query('SAVEPOINT file');
  try {
    await runner.query(sql);
    return undefined;
  } catch (error) {
    await runner.query('ROLLBACK TO SAVEPOINT file');
    return (error as Error).message;
  } finally {
    await runner.query('RELEASE SAVEPOINT file');
  }
}
