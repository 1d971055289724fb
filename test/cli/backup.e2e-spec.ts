import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setUpDatabase } from '../../src/database/set-up-database';
import type { BackupManifest } from '../../src/schema/backup-manifest';
import { migrate } from '../../src/schema/migration-data-source';
import { startApp, TestApp } from '../setup/app';
import { databaseLine, runCli } from '../setup/cli';
import { waitForMails } from '../setup/mailbox';
import { newGoal, newPersonalToken, newTask, newUser, password, signIn, TestUser } from '../setup/factories';
import { Fingerprint, fingerprint } from '../setup/fingerprint';
import { InstalledPostgres, startInstalledPostgres } from '../setup/installed-postgres';
import { run, runNode } from '../setup/processes';
import { asRole, onDatabase } from '../setup/server';

/* With the real pg_dump and pg_restore, on a server that this file owns: a restore creates roles, which belong to a server. */

let folder: string;
let postgres: InstalledPostgres;
let app: TestApp;
let user: TestUser;
let source: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-backup-'));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'server'));
  postgres = await startInstalledPostgres(join(folder, 'server'), ['fsync=off', 'autovacuum=off']);
  source = databaseUrl('cairn');
  await migrate((await setUpDatabase(postgres.url, 'cairn')).migrationDatabaseUrl);
  app = await startApp({ DATABASE_URL: source });
  user = await newUser(app);
  const goal = await newGoal(user);
  const task = await newTask(user, {
    goal_id: goal.id,
    tags: ['ä', 'b'],
    description: 'Two lines\n\\.\n\ttab',
  });
  const dependency = await newTask(user, { parent_task_id: task.id });
  await user.api.put(`/tasks/${task.id}/dependencies/${dependency.id}`).expect(204);
  await user.api.post(`/tasks/${task.id}/timer/start`).expect(201);
  await newPersonalToken(user);
  await waitForMails(app);
});

afterAll(async () => {
  await app?.close().catch(() => undefined); // the first test may have closed it
  postgres?.cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

function databaseUrl(name: string): string {
  return Object.assign(new URL(postgres.url), { pathname: `/${name}` }).toString();
}

const asSuperuser = (...statements: string[]) =>
  onDatabase(postgres.url, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

let count = 0;

/** Creates an empty database as docs/backup.md says. @returns its URL for the superuser */
async function emptyDatabase(): Promise<string> {
  const name = `restored_${++count}`;
  await asSuperuser(`CREATE DATABASE ${name} OWNER cairn_owner ENCODING 'UTF8' TEMPLATE template0`);
  return databaseUrl(name);
}

const newFile = () => join(folder, `backup-${++count}.dump`);

/** What is in the folder, but for the server. */
const filesIn = (path: string) => readdirSync(path).filter((name) => name.startsWith('backup-'));

function backUp(file: string, { url = asRole(source, 'cairn_backup'), PATH = postgres.path } = {}) {
  return runCli(['backup', '--file', file], { BACKUP_DATABASE_URL: url, PATH });
}

function restore(file: string, url: string, ...args: string[]) {
  const environment = { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner'), PATH: postgres.path };
  return runCli(['restore', '--file', file, ...args], environment);
}

/** A PATH whose pg_dump is this script. `$REAL` is the folder of the real one. */
function pathWith(script: string): string {
  const programs = mkdtempSync(join(folder, 'programs-'));
  writeFileSync(join(programs, 'pg_dump'), `#!/bin/sh\nPATH='${postgres.path}'\n${script}\n`, {
    mode: 0o755,
  });
  return [programs, postgres.path].join(delimiter);
}

const manifestOf = (file: string) => JSON.parse(readFileSync(`${file}.json`, 'utf8')) as BackupManifest;
const rowsOf = ({ tables }: Fingerprint) =>
  Object.fromEntries(Object.entries(tables).map(([name, { rows }]) => [`public.${name}`, rows]));

async function countTables(url: string): Promise<number> {
  return onDatabase(url, async (client) => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
    );
    return rowCount!;
  });
}

it('a database that was backed up, dropped and restored is the same, also its roles, and serves its users', async () => {
  const file = newFile();
  const before = await fingerprint(source);
  const backup = runNode(['src/cli.ts', 'backup', '--file', file], {
    BACKUP_DATABASE_URL: asRole(source, 'cairn_backup'),
    PATH: postgres.path,
  });
  expect([await backup.ended, backup.output()]).toEqual([0, backup.output()]);
  const { hostname, port, password: secret } = new URL(source);
  const manifest = manifestOf(file);
  expect(backup.output()).toMatch(
    new RegExp(
      `^Database cairn at ${hostname}:${port} as cairn_backup\nBacked up \\d+ rows of ${Object.keys(before.tables).length} tables ` +
        `to ${file} \\(${manifest.bytes} bytes, \\d+ s\\)\\.\n$`,
    ),
  );
  expect(backup.output()).not.toContain(secret);
  expect(manifest.tables).toEqual(rowsOf(before));
  expect(manifest.tables['public.tasks']).toBe(2);
  expect([file, `${file}.json`].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
  expect(filesIn(folder)).toEqual([file, `${file}.json`].map((path) => path.slice(folder.length + 1)));

  await app.close();
  await asSuperuser(
    'DROP DATABASE cairn',
    'DROP ROLE cairn_login, cairn_app, cairn_auth, cairn_admin, cairn_purge, cairn_backup, cairn_owner',
    `CREATE ROLE cairn_owner LOGIN CREATEROLE PASSWORD '${secret}'`,
    `CREATE DATABASE cairn OWNER cairn_owner ENCODING 'UTF8' TEMPLATE template0`,
  );
  const restored = runNode(['src/cli.ts', 'restore', '--file', file, '--yes'], {
    MIGRATION_DATABASE_URL: asRole(source, 'cairn_owner'),
    PATH: postgres.path,
  });
  expect([await restored.ended, restored.output()]).toEqual([0, restored.output()]);
  expect(restored.output().split('\n')).toEqual([
    `Database cairn at ${hostname}:${port} as cairn_owner`,
    `Set a password: ALTER ROLE cairn_login PASSWORD '…'`,
    `Set a password: ALTER ROLE cairn_backup PASSWORD '…'`,
    'As a superuser, run: ALTER ROLE cairn_backup BYPASSRLS',
    expect.stringMatching(
      /^Restored \d+ rows of \d+ tables \(\d+ s\)\. All counts agree\. See docs\/backup\.md, "After a restore"\.$/,
    ),
    '',
  ]);
  await asSuperuser(
    `ALTER ROLE cairn_login PASSWORD '${secret}'`,
    `ALTER ROLE cairn_backup BYPASSRLS PASSWORD '${secret}'`,
  );
  expect(await fingerprint(source)).toEqual(before);
  const check = ['migration:generate', '--check'];
  expect(await runCli(check, { MIGRATION_DATABASE_URL: asRole(source, 'cairn_owner') })).toEqual([
    0,
    'No differences\n',
  ]);

  app = await startApp({ DATABASE_URL: source });
  user = await signIn(app, user.email);
  const { body } = await user.api.get('/tasks?include=total').expect(200);
  expect(body).toMatchObject({
    total: 2,
    items: [{ title: 'A task' }, { description: 'Two lines\n\\.\n\ttab' }],
  });
  await app.api.post('/auth/login', { email: user.email, password: `not ${password}` }).expect(401);
  await newTask(user);
});

describe('backup', () => {
  it('contains the rows of one snapshot while others write', async () => {
    const [file, gate] = [newFile(), join(folder, 'gate')];
    const before = await fingerprint(source);
    const PATH = pathWith(
      `[ "$1" = --version ] || { touch '${gate}.reached'; until [ -e '${gate}' ]; do sleep 0.05; done; }\nexec pg_dump "$@"`,
    );
    const backup = backUp(file, { PATH });
    while (!existsSync(`${gate}.reached`)) await delay(20);
    await newTask(user, { tags: ['new'] });
    writeFileSync(gate, '');
    expect(await backup).toEqual([0, expect.stringContaining('Backed up')]);
    expect(manifestOf(file).tables).toEqual(rowsOf(before));
    const url = await emptyDatabase();
    expect(await restore(file, url, '--yes')).toEqual([0, expect.stringContaining('All counts agree.')]);
    expect((await fingerprint(url)).tables).toEqual(before.tables);
  });

  it('is refused to a role that sees no rows of users, and the message names the role to use', async () => {
    const file = newFile();
    expect(await backUp(file, { url: asRole(source, 'cairn_owner') })).toEqual([
      1,
      'Row-level security applies to the role cairn_owner: its dump would not contain the rows of the users. ' +
        'Use the role cairn_backup: BACKUP_DATABASE_URL=postgres://cairn_backup:…@…. See docs/backup.md.\n',
    ]);
    await asSuperuser('ALTER ROLE cairn_backup NOBYPASSRLS');
    const refused = await backUp(file);
    await asSuperuser('ALTER ROLE cairn_backup BYPASSRLS');
    expect(refused).toEqual([
      1,
      'Row-level security applies to the role cairn_backup: its dump would not contain the rows of the users. ' +
        'As a superuser, run: ALTER ROLE cairn_backup BYPASSRLS. See docs/backup.md.\n',
    ]);
    expect([existsSync(file), existsSync(`${file}.json`)]).toEqual([false, false]);
  });

  it('fails if the role may not read a table, and names it', async () => {
    const file = newFile();
    await onDatabase(source, (client) => client.query('CREATE TABLE extra (id integer)'));
    const [status, output] = await backUp(file);
    await onDatabase(source, (client) => client.query('DROP TABLE extra'));
    expect([status, output]).toEqual([1, expect.stringContaining('permission denied for table extra')]);
    expect(output).toContain('GRANT SELECT ON … TO cairn_backup');
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    [
      'lacks the rows of a table',
      'exec pg_dump "$@" --exclude-table-data=public.tasks',
      /^ {2}public\.tasks: \d+, missing$/m,
    ],
    ['lacks a table', 'exec pg_dump "$@" --exclude-table=public.tags', /^ {2}public\.tags: \d+, missing$/m],
    [
      'is cut short',
      'pg_dump "$@" && for a in "$@"; do case "$a" in --file=*) truncate -s -200 "${a#--file=}" ;; esac; done',
      /^pg_restore failed \(1\): /,
    ],
    [
      'could not be written',
      'if [ "$1" = --version ]; then exec pg_dump "$@"; fi; echo "no space left on device" >&2; exit 1',
      /^pg_dump failed \(1\): no space left on device$/m,
    ],
  ])('a dump that %s is refused and leaves no file', async (_name, script, message) => {
    const file = newFile();
    expect(await backUp(file, { PATH: pathWith(script) })).toEqual([1, expect.stringMatching(message)]);
    expect(filesIn(folder).filter((name) => file.includes(name) || name.includes('partial'))).toEqual([]);
  });

  it('leaves no file when it is interrupted', async () => {
    const file = newFile();
    const PATH = pathWith('[ "$1" = --version ] && exec pg_dump "$@"; while :; do sleep 0.05; done');
    const environment = { BACKUP_DATABASE_URL: asRole(source, 'cairn_backup'), PATH };
    const backup = runNode(['src/cli.ts', 'backup', '--file', file], environment);
    while (!existsSync(`${file}.partial`)) await delay(20);
    backup.process.kill('SIGTERM');
    expect([await backup.ended, backup.output().replace(databaseLine, '')]).toEqual([
      1,
      'The command was interrupted.\n',
    ]);
    expect(filesIn(folder).filter((name) => name.includes('partial') || file.endsWith(name))).toEqual([]);
  });

  it('does not overwrite files, and needs a folder', async () => {
    for (const suffix of ['', '.json', '.partial']) {
      const file = newFile();
      writeFileSync(`${file}${suffix}`, 'kept');
      expect(await backUp(file)).toEqual([1, expect.stringContaining(`${file}${suffix} exists`)]);
      expect(readFileSync(`${file}${suffix}`, 'utf8')).toBe('kept');
      rmSync(`${file}${suffix}`);
      expect(existsSync(file)).toBe(false);
    }
    expect(await backUp(join(folder, 'missing/file'))).toEqual([
      1,
      `There is no folder ${folder}/missing.\n`,
    ]);
  });

  it('needs a pg_dump that is not older than the server', async () => {
    const file = newFile();
    const programs = mkdtempSync(join(folder, 'programs-'));
    symlinkSync(process.execPath, join(programs, 'node'));
    expect(await backUp(file, { PATH: programs })).toEqual([
      1,
      'pg_dump was not found. Install the client programs of PostgreSQL, not older than the server, and put their folder on the PATH. See docs/backup.md.\n',
    ]);
    const [status, output] = await backUp(file, { PATH: pathWith('echo "pg_dump (PostgreSQL) 14.2"') });
    expect([status, output]).toEqual([
      1,
      expect.stringMatching(
        /^pg_dump has version 14\.2, but the server has version \d+\. Install the client programs of PostgreSQL \d+,/,
      ),
    ]);
    expect(existsSync(file)).toBe(false);
  });

  it('never uses another database than the one that the operator names', async () => {
    const file = newFile();
    for (const variable of ['DATABASE_URL', 'MIGRATION_DATABASE_URL']) {
      const [status, output] = await runCli(['backup', '--file', file], { [variable]: source });
      expect([status, output]).toEqual([
        1,
        expect.stringContaining(
          `BACKUP_DATABASE_URL: expected a URL, because ${variable} is set, got no value`,
        ),
      ]);
    }
  });
});

describe('restore', () => {
  let good: string;
  beforeAll(async () => {
    good = newFile();
    await onDatabase(source, (client) => client.query('CREATE EXTENSION pg_stat_statements'));
    expect(await backUp(good)).toEqual([0, expect.stringContaining('Backed up')]);
  });

  /** A copy of the good backup. */
  function copy(): string {
    const file = newFile();
    for (const suffix of ['', '.json']) cpSync(`${good}${suffix}`, `${file}${suffix}`);
    return file;
  }

  const editManifest = (file: string, changes: object) =>
    writeFileSync(`${file}.json`, JSON.stringify({ ...manifestOf(file), ...changes }));

  it('leaves out extensions and says so', async () => {
    const url = await emptyDatabase();
    expect(await restore(good, url, '--yes')).toEqual([
      0,
      expect.stringMatching(
        /^The extension pg_stat_statements is not restored\. As a superuser: CREATE EXTENSION pg_stat_statements\nRestored /,
      ),
    ]);
    expect((await fingerprint(url)).tables).toEqual((await fingerprint(source)).tables);
  });

  it('refuses a backup that is damaged or incomplete, and creates nothing', async () => {
    const url = await emptyDatabase();
    const expectRefusal = async (file: string, message: string | RegExp) => {
      expect(await restore(file, url, '--yes')).toEqual([1, expect.stringMatching(message)]);
      expect(await countTables(url)).toBe(0);
    };
    const missing = copy();
    rmSync(`${missing}.json`);
    await expectRefusal(missing, /^There is no file \S+\.json\. A backup consists of/);
    const truncated = copy();
    truncateSync(truncated, statSync(truncated).size - 100);
    await expectRefusal(truncated, / is damaged: it has \d+ bytes, and \d+ when it was written\./);
    const flipped = copy();
    const bytes = readFileSync(flipped);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(flipped, bytes);
    await expectRefusal(flipped, / is damaged: its checksum differs/);
    for (const text of [
      '{',
      'null',
      '[]',
      '{"format": 2}',
      JSON.stringify({ ...manifestOf(good), tables: null }),
    ]) {
      const file = copy();
      writeFileSync(`${file}.json`, text);
      await expectRefusal(file, /\.json is damaged, or not the \.json file of a backup\./);
    }
  });

  it('restores nothing if pg_restore fails in the middle', async () => {
    const [file, url] = [newFile(), await emptyDatabase()];
    // Tables are created in alphabetical order.
    await onDatabase(source, (client) =>
      client.query('CREATE EXTENSION hstore; CREATE TABLE zz (h hstore); GRANT SELECT ON zz TO cairn_backup'),
    );
    expect(await backUp(file)).toEqual([0, expect.stringContaining('Backed up')]);
    await onDatabase(source, (client) => client.query('DROP EXTENSION hstore CASCADE; DROP TABLE zz'));
    const [status, output] = await restore(file, url, '--yes');
    expect([status, output]).toEqual([
      1,
      expect.stringMatching(
        /^Nothing was restored\. pg_restore failed \(1\): .*type "public\.hstore" does not exist/s,
      ),
    ]);
    expect(await countTables(url)).toBe(0);
  });

  it('reports a database whose counts differ from the backup', async () => {
    const file = copy();
    const { tables } = manifestOf(file);
    editManifest(file, { tables: { ...tables, 'public.tasks': tables['public.tasks']! + 1 } });
    const [status, output] = await restore(file, await emptyDatabase(), '--yes');
    expect([status, output]).toEqual([1, expect.stringContaining('do not use it, and drop it.')]);
    expect(output).toContain(`  public.tasks: ${tables['public.tasks']! + 1}, ${tables['public.tasks']}\n`);
  });

  it('refuses a database that is not empty, and says what to do', async () => {
    const before = await fingerprint(source);
    const [status, output] = await restore(good, source, '--yes');
    expect([status, output]).toEqual([
      1,
      `The database cairn is not empty. Restore into a new one. As a superuser, run: CREATE DATABASE cairn_restored OWNER cairn_owner ` +
        `ENCODING 'UTF8' TEMPLATE template0. Then name it in MIGRATION_DATABASE_URL.\n`,
    ]);
    expect(await fingerprint(source)).toEqual(before);
  });

  it('refuses another schema owner, a newer version of Cairn, and an older server', async () => {
    const url = await emptyDatabase();
    const environment = { MIGRATION_DATABASE_URL: url, PATH: postgres.path };
    expect(await runCli(['restore', '--file', good, '--yes'], environment)).toEqual([
      1,
      expect.stringContaining(
        'The schema owner of the backup is cairn_owner, but MIGRATION_DATABASE_URL connects as postgres.',
      ),
    ]);
    const newer = copy();
    editManifest(newer, { migrations: [...manifestOf(good).migrations, 'AddNotes1900000000000'] });
    expect(await restore(newer, url, '--yes')).toEqual([
      1,
      'This version of Cairn does not contain migrations of the backup: AddNotes1900000000000. Restore it with the version that the backup is from.\n',
    ]);
    const newerServer = copy();
    editManifest(newerServer, { server_version: 990001 });
    expect(await restore(newerServer, url, '--yes')).toEqual([
      1,
      expect.stringMatching(/^The backup is from PostgreSQL 99, and this server has version \d+\./),
    ]);
    expect(await countTables(url)).toBe(0);
  });

  it('names the pending migrations of a backup of an earlier version', async () => {
    const url = await emptyDatabase();
    const older = copy();
    editManifest(older, { migrations: manifestOf(good).migrations.slice(0, -1) });
    expect(await restore(older, url, '--yes')).toEqual([
      0,
      expect.stringContaining('Apply the pending migrations: npm run migration:run\n'),
    ]);
  });

  it('asks first: without a terminal it changes nothing', async () => {
    const url = await emptyDatabase();
    const [status, output] = await restore(good, url);
    expect([status, output]).toEqual([
      1,
      expect.stringMatching(
        /^Restoring the backup of \S+ creates \d+ rows in the database restored_\d+\. To confirm, run: npm run cli -- restore --file \S+ --yes\n$/,
      ),
    ]);
    expect(await countTables(url)).toBe(0);
  });

  it('asks on a terminal', async () => {
    const url = await emptyDatabase();
    const command = run(
      'script',
      ['-qec', `node -r @swc-node/register src/cli.ts restore --file ${good}`, '/dev/null'],
      { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner'), PATH: postgres.path },
    );
    await command.waitForOutput(/Continue\? \[y\/N\]/);
    command.process.stdin!.write('n\n');
    expect([await command.ended, command.output()]).toEqual([
      1,
      expect.stringContaining('Nothing was changed.'),
    ]);
    expect(await countTables(url)).toBe(0);
  });
});
