import { ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Passwords } from '../src/auth/passwords';
import { dataFolder, loadConfig } from '../src/core/config';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres';
import { setUpDatabase } from '../src/database/set-up-database';
import { migrate } from '../src/schema/migration-data-source';
import { onDatabase } from '../test/setup/server';

export const password = 'a cairn of many stones';

/** Creates an empty, migrated database on a separate server. Returns the URLs for Cairn and for a superuser. */
export async function benchDatabase(name = 'bench'): Promise<{ databaseUrl: string; superuserUrl: string }> {
  const server = await startEmbeddedPostgres(join(dataFolder, 'bench-postgres'), [
    'fsync=off',
    'shared_buffers=512MB',
  ]);
  await onDatabase(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  const { databaseUrl, migrationDatabaseUrl } = await setUpDatabase(server, name);
  await migrate(migrationDatabaseUrl);
  const superuserUrl = Object.assign(new URL(server), { pathname: `/${name}` }).toString();
  return { databaseUrl, superuserUrl };
}

/** The hash of `password`. */
export function passwordHash(): Promise<string> {
  return new Passwords(config('postgres://localhost/bench')).hash(password);
}

function config(databaseUrl: string) {
  return loadConfig({ DATABASE_URL: databaseUrl, JWT_SECRET_KEY: 'x'.repeat(32) });
}

/** Starts a server of `bench/server.ts` in a separate process, by default without rate limits and with a monitor. */
export function startServer(
  kind: string,
  databaseUrl: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<{ url: string; process: ChildProcess }> {
  const modules = ['-r', '@swc-node/register', '-r', join(__dirname, 'monitor.ts')];
  const child = spawn('node', [...modules, join(__dirname, 'server.ts'), kind], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      JWT_SECRET_KEY: 'x'.repeat(32),
      LOG_LEVEL: 'error',
      RATE_LIMITS: 'off',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return new Promise((resolve) =>
    child.stdout!.once('data', (url: Buffer) => resolve({ url: url.toString().trim(), process: child })),
  );
}

/** Starts the compiled application, whose memory is that of production. */
export function startCompiled(databaseUrl: string): Promise<{ url: string; process: ChildProcess }> {
  const child = spawn('node', [join(__dirname, '../dist/main.js')], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      JWT_SECRET_KEY: 'x'.repeat(32),
      LOG_LEVEL: 'info', // prints the URL
      RATE_LIMITS: 'off',
      PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve) =>
    child.stdout.on('data', (output: Buffer) => {
      const [, url] = /Documentation: (\S+)\/docs/.exec(output.toString()) ?? [];
      if (url) resolve({ url, process: child });
    }),
  );
}

/** @returns an access token for each account */
export async function signIn(url: string, emails: string[]): Promise<string[]> {
  const tokens: string[] = [];
  for (const email of emails) {
    const response = await logIn(url, email);
    tokens.push(((await response.json()) as { access_token: string }).access_token);
  }
  return tokens;
}

export function logIn(url: string, email: string, enteredPassword = password): Promise<Response> {
  return post(url, '/auth/login', { email, password: enteredPassword });
}

export function post(url: string, path: string, body: object): Promise<Response> {
  return fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** The memory that a process has in RAM. */
export function residentMegabytes(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return Math.round((Number(pages) * 4096) / 1024 / 1024);
}
