import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newDatabase } from '../setup/app';
import { databaseLine, runCli } from '../setup/cli';
import { run, runNode, RunningProcess } from '../setup/processes';
import { copyProject } from '../setup/project-copy';
import { asRole, onDatabase } from '../setup/server';

/* The commands as an operator starts them, in a copy of the project without data. */

let folder: string;
beforeAll(async () => {
  folder = copyProject();
  const build = run('npm', ['run', '-s', 'build'], {}, folder);
  expect([await build.ended, build.output()]).toEqual([0, build.output()]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function emptyDatabase(): Promise<string> {
  const url = await newDatabase();
  await onDatabase(url, (client) =>
    client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION cairn_owner'),
  );
  return url;
}

async function applied(url: string): Promise<string[]> {
  return onDatabase(url, async (client) => {
    const table = await client.query(`SELECT FROM pg_tables WHERE tablename = 'migrations'`);
    if (!table.rowCount) return [];
    const { rows } = await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
    return rows.map(({ name }) => name);
  });
}

const migrationFiles = () => readdirSync(join(folder, 'src/schema/migrations')).sort();
const migrationNames = () =>
  migrationFiles().map((file) => {
    const text = readFileSync(join(folder, 'src/schema/migrations', file), 'utf8');
    return /export class (\w+)/.exec(text)![1]!;
  });

function databaseOf(url: string, role: string): string {
  const { pathname, hostname, port } = new URL(url);
  return `Database ${pathname.slice(1)} at ${hostname}:${port || 5432} as ${role}\n`;
}

async function output(command: RunningProcess, status = 0): Promise<string> {
  expect([await command.ended, command.output()]).toEqual([status, command.output()]);
  return command.output();
}

const dist = ['node', 'dist/cli.js'];

describe('with MIGRATION_DATABASE_URL and nothing else', () => {
  it.each([
    ['npm run', ['npm', 'run', '-s'], {}],
    ['npm run in production', ['npm', 'run', '-s'], { NODE_ENV: 'production' }],
    ['node dist/cli.js in production', dist, { NODE_ENV: 'production' }],
  ])('%s migration:run, show and revert act on that database', async (_name, command, environment) => {
    const url = await emptyDatabase();
    const all = { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner'), ...environment };
    const [program, ...first] = command as [string, ...string[]];
    const separator = program === 'npm' ? ['--'] : [];
    const migrate = (...args: string[]) => run(program, [...first, ...args], all, folder);
    const names = migrationNames();
    const target = databaseOf(url, 'cairn_owner');

    const pending = await output(migrate('migration:show'));
    expect(pending).toContain(target);
    expect(pending).toContain(names.map((name) => `[ ] ${name}\n`).join(''));
    expect(await applied(url)).toEqual([]);

    expect(await output(migrate('migration:run'))).toContain(target);
    expect(await applied(url)).toEqual(names);
    expect(await output(migrate('migration:show'))).toContain(
      names.map((name, index) => `[X] ${index + 1} ${name}\n`).join(''),
    );

    const refused = await output(migrate('migration:revert'), 1);
    expect(refused).toBe(
      `${target}Reverting ${names.at(-1)} can delete data. To confirm, run: npm run migration:revert -- --yes\n`,
    );
    expect(await applied(url)).toEqual(names);
    const reverted = await output(migrate('migration:revert', ...separator, '--to', names[0]!, '--yes'));
    expect(reverted).toContain(target);
    expect(await applied(url)).toEqual([names[0]]);
    expect(reverted).not.toContain(new URL(url).password);
    expect(existsSync(join(folder, '.data/postgres'))).toBe(false);
  });

  it.each([
    ['ormconfig.ts', {}],
    ['dist/schema/cli-data-source.js', { NODE_ENV: 'production' }],
  ])('npx typeorm -d %s acts on that database, and does not revert', async (source, environment) => {
    const url = await emptyDatabase();
    const all = { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner'), ...environment };
    const migrate = (name: string) => run('npx', ['typeorm', '-d', source, name], all, folder);
    const target = databaseOf(url, 'cairn_owner');
    expect(await output(migrate('migration:show'))).toContain(`[ ] ${migrationNames()[0]}\n`);
    expect(await output(migrate('migration:run'))).toContain(target);
    expect(await applied(url)).toEqual(migrationNames());
    expect(await output(migrate('migration:revert'), 1)).toContain('npm run migration:revert -- --yes');
    expect(await output(migrate('schema:drop'), 1)).toContain('Cairn does not support this command.');
    expect(await applied(url)).toEqual(migrationNames());
    expect(existsSync(join(folder, '.data/postgres'))).toBe(false);
  });

  it('the other commands and the application do not use the embedded database', async () => {
    const environment = { MIGRATION_DATABASE_URL: asRole(await newDatabase(), 'cairn_owner') };
    for (const args of [['dist/cli.js', 'purge', '--dry-run'], ['dist/main.js']]) {
      expect(await output(run('node', args, environment, folder), 1)).toContain(
        'DATABASE_URL: expected a URL, because MIGRATION_DATABASE_URL is set, got no value',
      );
    }
    expect(existsSync(join(folder, '.data/postgres'))).toBe(false);
  });

  it('every command prints the database that it acts on', async () => {
    const url = await newDatabase();
    const environment = { DATABASE_URL: asRole(url, 'cairn_login'), JWT_SECRET_KEY: 'x'.repeat(32) };
    const purge = await output(run('node', ['dist/cli.js', 'purge', '--dry-run'], environment, folder));
    expect(purge).toContain(databaseOf(url, 'cairn_login'));
    expect(purge.match(databaseLine)).toHaveLength(1);
  });
});

it.each(['migration:run', 'migration:show'])('%s as the login role names the variable', async (name) => {
  const url = await newDatabase();
  const environment = { DATABASE_URL: asRole(url, 'cairn_login') };
  expect(await runCli([name], environment, folder)).toEqual([
    1,
    'The role has no rights on the table migrations. Set MIGRATION_DATABASE_URL to the URL of the schema owner.\n',
  ]);
});

it('in production, the migration commands need a URL, and no other variable', async () => {
  const command = run('node', ['dist/cli.js', 'migration:run'], { NODE_ENV: 'production' }, folder);
  const text = await output(command, 1);
  expect(text).toMatch(/^ {2}DATABASE_URL: expected .+, got no value$/m);
  expect(text).not.toContain('JWT_SECRET_KEY');
});

it.each([
  ['n', 1, 'Nothing was changed.'],
  ['y', 0, 'has been reverted.'],
])('migration:revert asks on a terminal, and %s is an answer', async (answer, status, message) => {
  const url = await newDatabase();
  const environment = { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner') };
  const last = migrationNames().at(-1)!;
  // script gives the command a terminal.
  const args = ['-qec', 'node dist/cli.js migration:revert', '/dev/null'];
  const command = run('script', args, environment, folder);
  await command.waitForOutput(/can delete data\. Continue\? \[y\/N\]/);
  command.process.stdin!.write(`${answer}\n`);
  expect(await output(command, status)).toContain(message);
  expect((await applied(url)).includes(last)).toBe(status === 1);
});

it('several commands that start at once on an empty database apply each migration once', async () => {
  const url = await emptyDatabase();
  const environment = { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner') };
  const source = 'dist/schema/cli-data-source.js';
  const commands = [
    run('node', ['dist/cli.js', 'migration:run'], environment, folder),
    run('node', ['dist/cli.js', 'migration:run'], environment, folder),
    run('node', ['node_modules/typeorm/cli.js', '-d', source, 'migration:run'], environment, folder),
  ];
  for (const command of commands) await output(command);
  expect(await applied(url)).toEqual(migrationNames());
});

it('several applications that start at once with the embedded database apply each migration once', async () => {
  const copy = copyProject();
  try {
    const apps = [1, 2, 3].map(() => runNode(['src/main.ts'], { PORT: '0' }, copy));
    for (const app of apps) {
      const [, url] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
      expect((await fetch(`${url}/health`)).status).toBe(200);
    }
    const [status, shown] = await runCli(['migration:show'], {}, copy);
    expect([status, shown]).toEqual([
      0,
      migrationNames()
        .map((name, index) => `[X] ${index + 1} ${name}\n`)
        .join(''),
    ]);
    for (const app of apps) app.process.kill('SIGTERM');
    for (const app of apps) expect(await app.ended).toBe(0);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

describe('with one more migration', () => {
  const addNotes = 'AddNotes1900000000000';

  /** Adds a migration to the copy, and compiles it with the next command. */
  function writeMigration(sql: string, declarations = ''): void {
    writeFileSync(
      join(folder, 'src/schema/migrations/1900000000000-add-notes.ts'),
      `import { MigrationInterface, QueryRunner } from 'typeorm';
       export class ${addNotes} implements MigrationInterface {
         ${declarations}
         async up(queryRunner: QueryRunner): Promise<void> {
           await queryRunner.query(\`${sql}\`);
         }
         async down(queryRunner: QueryRunner): Promise<void> {
           await queryRunner.query('DROP TABLE notes');
         }
       }`,
    );
  }

  const migrate = (url: string, ...args: string[]) =>
    runCli(args, { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner') }, folder);
  const startApp = (url: string) =>
    runNode(['src/main.ts'], {
      PORT: '0',
      DATABASE_URL: asRole(url, 'cairn_login'),
      JWT_SECRET_KEY: 'x'.repeat(32),
    });
  afterEach(() => rmSync(join(folder, 'src/schema/migrations/1900000000000-add-notes.ts'), { force: true }));

  it('the previous version of the application does not start, and names the command', async () => {
    const url = await newDatabase();
    const last = migrationNames().at(-1);
    writeMigration('CREATE TABLE notes ()');
    expect(await migrate(url, 'migration:run')).toEqual([0, expect.stringContaining('has been applied')]);
    const app = startApp(url);
    expect([await app.ended, app.output()]).toEqual([
      1,
      `Cairn cannot start: the database is ahead of this version, which is not compatible with these migrations: ${addNotes}. ` +
        'Start the version that applied them, or revert them with that version: ' +
        `npm run migration:revert -- --to ${last}\n`,
    ]);
    const [, shown] = await runCli(['migration:show'], { DATABASE_URL: asRole(url, 'cairn_owner') });
    expect(shown).toContain(` ${addNotes} (not in this version)\n`);
  });

  it('the previous version of the application works if the migration is declared compatible with it', async () => {
    const url = await newDatabase();
    writeMigration(
      'ALTER TABLE tasks ADD extra text; CREATE TABLE notes ()',
      `readonly compatibleWith = '${migrationNames().at(-1)}';`,
    );
    expect(await migrate(url, 'migration:run')).toEqual([0, expect.stringContaining('has been applied')]);
    const app = startApp(url);
    const [, api] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
    const post = async (path: string, body: object, token = '') => {
      const response = await fetch(`${api}/api/v1${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      });
      return [response.status, await response.json()] as [number, { access_token: string; title: string }];
    };
    const account = { email: 'someone@example.com', password: 'a cairn of many stones' };
    expect((await post('/auth/register', account))[0]).toBe(201);
    const [, { access_token }] = await post('/auth/login', account);
    const task = await post('/tasks', { title: 'Still working' }, access_token);
    expect(task).toEqual([201, expect.objectContaining({ title: 'Still working' })]);
    app.process.kill('SIGTERM');
    expect(await app.ended).toBe(0);
  });

  it('a version that is older than the declared one does not start', async () => {
    const url = await newDatabase();
    writeMigration('CREATE TABLE notes ()', `readonly compatibleWith = '${addNotes}';`);
    await migrate(url, 'migration:run');
    const app = startApp(url);
    expect([await app.ended, app.output()]).toEqual([1, expect.stringContaining('is ahead of this version')]);
  });

  it('a run that is killed in the middle leaves nothing, and the next run applies all of it', async () => {
    const url = await newDatabase();
    writeMigration('CREATE TABLE notes (); SELECT pg_advisory_lock(4713)');
    await onDatabase(url, async (client) => {
      await client.query('SELECT pg_advisory_lock(4713)');
      const environment = { MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner') };
      const killed = runNode(['src/cli.ts', 'migration:run'], environment, folder);
      const waits = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 4713`;
      while (!(await client.query(waits)).rowCount);
      killed.process.kill('SIGKILL');
      expect(await killed.ended).toBe('SIGKILL');
      await client.query('SELECT pg_advisory_unlock(4713)');
      const next = migrate(url, 'migration:run');
      expect(await next).toEqual([0, expect.stringContaining(`Migration ${addNotes} has been applied`)]);
      expect((await applied(url)).at(-1)).toBe(addNotes);
    });
  });

  it('an applied migration that was edited is refused', async () => {
    const url = await newDatabase();
    writeMigration('CREATE TABLE notes ()');
    await migrate(url, 'migration:run');
    writeMigration('CREATE TABLE notes (edited integer)');
    const message = `These migrations were edited after they had been applied: ${addNotes}.`;
    expect(await migrate(url, 'migration:run')).toEqual([1, expect.stringContaining(message)]);
    const [, shown] = await migrate(url, 'migration:show');
    expect(shown).toContain(` ${addNotes} (edited after it was applied)\n`);
  });

  it('migration:lint reports each statement that blocks the application or breaks it, and those alone', async () => {
    const statements = [
      ['CREATE INDEX extra ON tasks (title)', 'require-concurrent-index-creation'],
      ['ALTER TABLE tasks ADD extra text NOT NULL', 'adding-required-field'],
      [`ALTER TABLE tasks ADD CONSTRAINT extra CHECK (title <> '')`, 'constraint-missing-not-valid'],
      ['ALTER TABLE tasks ALTER title TYPE varchar(20)', 'changing-column-type'],
      ['ALTER TABLE tasks RENAME title TO name', 'renaming-column'],
    ] as const;
    writeMigration(statements.map(([sql]) => sql).join(';\n'));
    const [status, problems] = await runCli(['migration:lint'], {}, folder);
    expect([status, problems]).toEqual([1, expect.stringContaining(`${addNotes}.sql`)]);
    for (const [, rule] of statements) expect(problems).toContain(rule);

    const accepted = statements.map(([sql, rule]) => `-- squawk-ignore ${rule}, prefer-text-field\n${sql};`);
    writeMigration(accepted.join('\n'));
    expect(await runCli(['migration:lint'], {}, folder)).toEqual([
      0,
      expect.stringMatching(/^No problems in \d+ migrations\n$/),
    ]);
  });
});

it('the build compiles only when the sources have changed, and leaves nothing of deleted ones', async () => {
  const copy = copyProject();
  try {
    const build = async () => expect(await output(run('node', ['build.mjs'], {}, copy))).toBe('');
    // One source compiles faster than all.
    rmSync(join(copy, 'src'), { recursive: true });
    mkdirSync(join(copy, 'src/schema/migrations'), { recursive: true });
    writeFileSync(join(copy, 'src/main.ts'), 'export {};');
    const extra = join(copy, 'src/schema/migrations/1900000000000-extra.ts');
    const compiled = join(copy, 'dist/schema/migrations/1900000000000-extra.js');
    writeFileSync(extra, 'export const extra = 1;');
    await build();
    expect(readFileSync(compiled, 'utf8')).toContain('extra = 1');
    const marker = join(copy, 'dist/marker');
    writeFileSync(marker, '');
    await build();
    expect(existsSync(marker)).toBe(true);
    rmSync(extra);
    await build();
    expect([existsSync(marker), existsSync(compiled)]).toEqual([false, false]);

    writeFileSync(extra, 'export const extra: string = 1;');
    expect(await output(run('node', ['build.mjs'], {}, copy), 1)).toContain('The sources do not compile.');
    expect(readdirSync(copy).filter((name) => name.startsWith('.dist'))).toEqual([]);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});
