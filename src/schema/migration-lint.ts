import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, projectFolder } from '../core/config';
import { DeclaredMigration, recordStatements } from './recorded-statements';

/** These were released before migrations were checked. */
const unchecked = ['Baseline1795276800000', 'CloseAccounts1795289780026'];

/** Rules of squawk that do not apply: `Migrator` sets the timeouts, and the types are those of the entities. */
const excludedRules = [
  'require-lock-timeout',
  'require-statement-timeout',
  'prefer-bigint-over-int',
  'prefer-bigint-over-smallint',
];

/**
 * Checks the SQL of the migrations with squawk for statements that block the application or break its previous version.
 * A statement after a line `-- squawk-ignore RULE` is exempt from that rule.
 * @returns a message for the developer
 * @throws ConfigError with the problems
 */
export async function lintMigrations(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-migrations-'));
  try {
    const migrations = loadMigrations().filter(({ name }) => !unchecked.includes(name));
    const problems: string[] = [];
    for (const { name, migration } of migrations) {
      const file = join(folder, `${name}.sql`);
      writeFileSync(file, (await recordStatements(migration, 'up')).join(';\n'));
      const inTransaction = migration.transaction === false ? [] : ['--assume-in-transaction'];
      const result = spawnSync(
        process.execPath,
        [
          join(projectFolder, 'node_modules/squawk-cli/js/bin/squawk'),
          ...['--pg-version', '15', '--exclude', excludedRules.join(','), ...inTransaction, file],
        ],
        { encoding: 'utf8' },
      );
      if (result.status !== 0) problems.push(`${result.stdout}${result.stderr}`.replaceAll(folder, ''));
    }
    if (problems.length > 0) throw new ConfigError(problems.join('\n'));
    return `No problems in ${migrations.length} migrations`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function loadMigrations(): { name: string; migration: DeclaredMigration }[] {
  const folder = join(__dirname, 'migrations');
  const files = readdirSync(folder).filter((file) => /\.[jt]s$/.test(file));
  return files.flatMap((file) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const exported = Object.entries(require(join(folder, file)) as Record<string, unknown>);
    return exported.flatMap(([name, value]) =>
      typeof value === 'function' ? [{ name, migration: new (value as new () => DeclaredMigration)() }] : [],
    );
  });
}
