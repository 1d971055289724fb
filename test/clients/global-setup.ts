import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import startPostgres from '../setup/global-setup';

/** Installs the tools of this directory, unless they are up to date, and starts PostgreSQL. */
export default async function globalSetup(): Promise<void> {
  const time = (file: string) => statSync(join(__dirname, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (time('node_modules/.package-lock.json') < time('package-lock.json')) {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: __dirname,
      stdio: 'inherit',
    });
  }
  await startPostgres();
}
