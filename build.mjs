/*
 * Compiles src to dist if dist was not compiled from exactly these sources. A dist that is up to date takes a few
 * milliseconds to recognise, by a hash of all inputs, so that commands can check it before each run.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(dirname(fileURLToPath(import.meta.url)));

const compiler = 'node_modules/typescript/bin/tsc';
const stamp = (folder) => join(folder, 'sources.sha256');

function hashSources() {
  const hash = createHash('sha256');
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'))
    .sort()
    .map((path) => join('src', path));
  for (const path of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', ...sources]) {
    const text = readFileSync(path);
    hash.update(`${path} ${text.length}\n`).update(text);
  }
  return hash.digest('hex');
}

function isUpToDate(sources) {
  return existsSync(stamp('dist')) && readFileSync(stamp('dist'), 'utf8') === sources;
}

/** Compiles to a folder of this process, so that a running build of another process is not disturbed. */
function build(sources) {
  if (!existsSync(compiler)) {
    throw new Error(
      'dist was not built from these sources, and TypeScript is not installed: npm ci && npm run build',
    );
  }
  const folder = `.dist-${process.pid}`;
  try {
    const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', folder];
    const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error('The sources do not compile.');
    writeFileSync(stamp(folder), sources);
    while (!isUpToDate(sources)) {
      rmSync('dist', { recursive: true, force: true });
      try {
        renameSync(folder, 'dist');
      } catch (error) {
        // Another process has created dist meanwhile.
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  // Where only dist is installed, there is nothing to compare it with.
  const sources = existsSync('src') ? hashSources() : undefined;
  if (sources && !isUpToDate(sources)) build(sources);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
