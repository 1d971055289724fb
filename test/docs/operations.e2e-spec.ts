import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../src/core/config';
import { EmbeddedCluster } from '../../src/database/embedded-cluster';
import { copyProject } from '../setup/project-copy';
import { run } from '../setup/processes';
import { onDatabase } from '../setup/server';

/*
 * Follows docs/operations.md on a new PostgreSQL server: every command and every SQL statement in the order of the page. A
 * command that is added to the page needs an entry here. `TEST_NEW_SERVERS` can name two other new servers, separated by
 * commas.
 */
const page = readFileSync(join(projectFolder, 'docs/operations.md'), 'utf8');
const password = 'the-password';
const secretKey = 'a-secret-key-of-the-operations-page';

/** What a reader runs: the lines of `sh` blocks, the `sql` blocks, and the commands within sentences. */
function textsOf(markdown: string): string[] {
  const pattern = /```(\w+)\n(.*?)```|`((?:npm (?:run|ci)|npx|node dist|rm -rf) [^`]*)`/gs;
  return [...markdown.matchAll(pattern)].flatMap(([, language, block = '', sentence]) => {
    if (sentence) return [sentence];
    if (language === 'sql') return [block.trim()];
    if (language !== 'sh') return [];
    const lines = block.replace(/\\\n\s*/g, '').split('\n');
    return lines.map((line) => line.replace(/\s+#.*/, '').trim()).filter(Boolean);
  });
}

let folder: string;
const servers = process.env.TEST_NEW_SERVERS?.split(',') ?? [];
const stops: (() => void)[] = [];
beforeAll(() => (folder = copyProject()));
afterAll(() => {
  for (const stop of stops) stop();
  rmSync(folder, { recursive: true, force: true });
});

/** @returns the URL of its superuser */
async function newServer(): Promise<string> {
  const given = servers.pop();
  if (given) return given;
  const serverFolder = mkdtempSync(join(tmpdir(), 'cairn-server-'));
  const cluster = new EmbeddedCluster(serverFolder);
  stops.push(() => {
    cluster.stop();
    rmSync(serverFolder, { recursive: true, force: true });
  });
  cluster.create();
  await cluster.start(['fsync=off']);
  return cluster.url();
}

/** A database of one server, and the environment of the commands. */
class Installation {
  environment: NodeJS.ProcessEnv = {};

  constructor(private readonly server: string) {}

  url(role: string, database = 'cairn'): string {
    const url = Object.assign(new URL(this.server), { pathname: `/${database}` });
    if (role !== 'postgres') Object.assign(url, { username: role, password });
    return url.toString();
  }

  /** Runs a command line in a shell. @returns its status and its output */
  async shell(commandLine: string): Promise<[number | string, string]> {
    // Without npm's lines, which name the script.
    const environment = { npm_config_loglevel: 'silent', ...this.environment };
    const command = run('bash', ['-c', commandLine], environment, folder);
    return [await command.ended, command.output()];
  }

  /** @returns the rows of the last statement */
  async sql(role: string, text: string): Promise<unknown[]> {
    // CREATE DATABASE cannot run with others in one message.
    const statements = text.replace(/--.*/g, '').split(/;\s*/).filter(Boolean);
    const database = text.includes('CREATE DATABASE') ? 'postgres' : 'cairn';
    return onDatabase(this.url(role, database), async (client) => {
      let rows: unknown[] = [];
      for (const statement of statements)
        ({ rows } = await client.query<Record<string, unknown>>(statement.replace('…', password)));
      return rows;
    });
  }

  /** Starts the application in production, creates an account, and stops it. */
  async application(commandLine: string): Promise<void> {
    const command = commandLine
      .replace(/DATABASE_URL=\S+/, `DATABASE_URL=${this.url('cairn_login')}`)
      .replace('…', secretKey);
    const settings = { ...this.environment, PORT: '0', SMTP_URL: 'smtp://127.0.0.1:1', SHUTDOWN_DELAY: '0' };
    const app = run('bash', ['-c', `exec env ${command}`], settings, folder);
    const [, port] = await app.waitForOutput(/http:\/\/[\w.]+:(\d+)\/docs/);
    const url = `http://127.0.0.1:${port}`;
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    const account = { email: 'you@example.com', password: 'a correct horse battery staple' };
    const created = await fetch(`${url}/api/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(account),
    });
    expect(created.status).toBe(201);
    app.process.kill('SIGTERM');
    expect([await app.ended, app.output()]).toEqual([0, expect.stringContaining('"level":"info"')]);
  }
}

type Step = (installation: Installation, text: string) => Promise<void> | void;

/** Runs a command line. @param change replaces what the reader replaces */
function shell(output: RegExp, status = 0, change = (text: string) => text): Step {
  return async (installation, text) =>
    expect([text, ...(await installation.shell(change(text)))]).toEqual([
      text,
      status,
      expect.stringMatching(output),
    ]);
}

function sql(role: 'postgres' | 'cairn_owner', rows: unknown[] = [], change = (text: string) => text): Step {
  return async (installation, text) => expect(await installation.sql(role, change(text))).toEqual(rows);
}

const notRun: Step = () => undefined;
const database = String.raw`Database cairn at 127\.0\.0\.1:\d+ as cairn_owner\n`;
const noMigrations = /No migrations are pending/;
const baseline = 'Baseline1795276800000';

/** The texts of the page, of SQL the first line only, in its order. */
const steps: [string, Step][] = [
  [
    `CREATE ROLE cairn_owner LOGIN CREATEROLE PASSWORD '…';`,
    async (installation, text) => {
      await installation.sql('postgres', text);
      installation.environment = { MIGRATION_DATABASE_URL: installation.url('cairn_owner') };
    },
  ],
  ['npm run migration:show', shell(new RegExp(`${database}(\\[ \\] \\w+\n)+$`))],
  ['npm run migration:run', shell(new RegExp(`${database}(.+\n)*.*${baseline}`))],
  [`ALTER ROLE cairn_login PASSWORD '…';`, sql('postgres')],
  [
    'DATABASE_URL=postgres://cairn_login:…@host:5432/cairn',
    (installation) => {
      installation.environment.DATABASE_URL = installation.url('cairn_login');
      installation.environment.JWT_SECRET_KEY = secretKey;
    },
  ],
  ['rm -rf .data/postgres', shell(/^$/)],
  ['npm run cli -- help', shell(/^ {2}user:promote /m)],
  ['npm run cli -- help migration:revert', shell(/--to/)],
  ['node dist/cli.js help', shell(/^ {2}user:promote /m)],
  ['npm run db:report', shell(/^Server\n(.+\n)+/m)],
  ['npm run migration:show', shell(new RegExp(`${database}(\\[X\\] \\d+ \\w+\n)+$`))],
  ['npm run migration:run -- --dry-run', shell(noMigrations)],
  ['npm run migration:run', shell(noMigrations)],
  [
    'npm run migration:revert',
    shell(/can delete data. To confirm, run: npm run migration:revert -- --yes\n$/, 1),
  ],
  [
    'npm run migration:revert -- --to NAME',
    shell(
      /Migration CloseAccounts\d+ has been reverted(.+\n)+.*CloseAccounts\d+ has been applied/s,
      0,
      (text) => `${text.replace('NAME', baseline)} --yes && npm run migration:run`,
    ),
  ],
  ['npx typeorm -d ormconfig.ts migration:run', shell(/No migrations are pending/)],
  ['npx typeorm -d dist/schema/cli-data-source.js migration:run', shell(/No migrations are pending/)],
  ['npm run migration:run', shell(noMigrations)],
  [
    'SELECT pid, usename, state, now() - xact_start AS duration, query FROM pg_stat_activity',
    sql('postgres'),
  ],
  [
    `UPDATE migrations SET checksum = NULL WHERE name = '…';`,
    sql('cairn_owner', [], (text) => text.replace('…', baseline)),
  ],
  ['npm run migration:run', shell(noMigrations)],
  ['CREATE ROLE cairn_app NOLOGIN;', notRun], // by the second test
  ['REVOKE TEMPORARY, CREATE ON DATABASE cairn FROM PUBLIC;', sql('postgres')],
  [`SELECT role, privilege FROM unnest(ARRAY['TEMPORARY', 'CREATE']) privilege,`, sql('postgres')],
  // The packages are those of this checkout.
  ['npm ci && npm run build && npm prune --omit=dev', shell(/^$/, 0, () => 'npm run -s build')],
  [
    'NODE_ENV=production DATABASE_URL=postgres://cairn_login:… JWT_SECRET_KEY=… HOST=0.0.0.0 node dist/main.js',
    (installation, text) => installation.application(text),
  ],
  ['npm run cli -- backup', notRun], // by test/cli/backup.e2e-spec.ts
  ['npm run cli -- user:promote you@example.com', shell(/you@example\.com/)],
  ['node dist/cli.js user:promote you@example.com', shell(/you@example\.com/)],
  [
    'SELECT created_at, actor_id, act, subject_id FROM administrative_acts ORDER BY created_at DESC LIMIT 50;',
    sql('cairn_owner', [expect.objectContaining({ actor_id: null, act: 'promote' })]),
  ],
  ['npm run cli -- purge --dry-run', shell(/Would delete/)],
  ['npm run cli -- purge', shell(/Deleted/)],
  [
    'SET ROLE cairn_auth;',
    sql('cairn_owner', [expect.objectContaining({ kind: 'verify_email', attempts: 1 })]),
  ],
  ['SET ROLE cairn_auth;', sql('cairn_owner')],
  ['npm run migration:generate -- Name', shell(/No differences/)],
  ['npm run migration:generate -- --check', shell(/No differences/)],
  ['npm run lint:migrations', shell(/0 issues|No issues|no problems/i)],
  ['npm run check', notRun], // contains this test
  ['rm -rf .data/postgres', shell(/^$/)],
  ['TEST_DATABASE_URL=postgres://postgres:…@127.0.0.1:5432/postgres npm test', notRun], // contains this test
];

it('every command of the page is followed', () => {
  expect(textsOf(page).map((text) => text.split('\n')[0])).toEqual(steps.map(([text]) => text));
});

it('each command does what the page says', async () => {
  const installation = new Installation(await newServer());
  for (const [index, text] of textsOf(page).entries()) await steps[index]![1](installation, text);
});

it('a schema owner who may not create roles can migrate after a superuser has created them', async () => {
  const installation = new Installation(await newServer());
  const [create = '', ...texts] = textsOf(page).filter((text) => /CREATE ROLE|REVOKE TEMPORARY/.test(text));
  await installation.sql('postgres', create.replace(' CREATEROLE', ''));
  for (const text of texts) await installation.sql('postgres', text);
  installation.environment = { MIGRATION_DATABASE_URL: installation.url('cairn_owner') };
  await shell(/Baseline/)(installation, 'npm run migration:run');
  await installation.application('NODE_ENV=production DATABASE_URL=x JWT_SECRET_KEY=… node dist/main.js');
});
