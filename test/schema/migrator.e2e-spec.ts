import { join } from 'node:path';
import type { Client } from 'pg';
import type { QueryRunner } from 'typeorm';
import { projectFolder } from '../../src/core/config';
import { connected } from '../../src/schema/data-source';
import { MigrationDataSource } from '../../src/schema/migration-data-source';
import { Migrator } from '../../src/schema/migrator';
import type { DeclaredMigration } from '../../src/schema/recorded-statements';
import { newDatabase } from '../setup/app';
import { asRole, onDatabase } from '../setup/server';

/* `Migrator` with the migrations of Cairn and one more. */

/** A migration of these statements. The name is that of a class, with a timestamp. */
function migrationOf(
  name: string,
  up: string[],
  declarations: Pick<DeclaredMigration, 'transaction' | 'compatibleWith'> = {},
  down: string[] = [],
) {
  const send = async (runner: QueryRunner, statements: string[]) => {
    for (const statement of statements) await runner.query(statement);
  };
  return class implements DeclaredMigration {
    name = name;
    transaction = declarations.transaction;
    compatibleWith = declarations.compatibleWith;
    up = (runner: QueryRunner) => send(runner, up);
    down = (runner: QueryRunner) => send(runner, down);
  };
}

type MigrationClass = ReturnType<typeof migrationOf>;

/** Runs `work` with the migrations of Cairn and these. @returns what was logged */
async function withMigrations(
  url: string,
  migrations: MigrationClass[],
  work: (migrator: Migrator) => Promise<unknown>,
): Promise<string[]> {
  const lines: string[] = [];
  const dataSource = new MigrationDataSource(asRole(url, 'cairn_owner'), 'DATABASE_URL', () => undefined);
  dataSource.setOptions({
    migrations: [join(projectFolder, 'src/schema/migrations/*.ts'), ...migrations],
  });
  const policy = { timeout: 50, attempts: 3, firstDelay: 1 };
  await connected(dataSource, () =>
    work(new Migrator(dataSource, (line) => lines.push(line.replace(/\d+ ms/, '… ms')), policy)),
  );
  return lines;
}

const run = (url: string, ...migrations: MigrationClass[]) =>
  withMigrations(url, migrations, (migrator) => migrator.run());

const namesIn = (client: Client) => valuesOf(client, 'SELECT name AS value FROM migrations ORDER BY id');

async function valuesOf(client: Client, sql: string): Promise<unknown[]> {
  const { rows } = await client.query<{ value: unknown }>(sql);
  return rows.map(({ value }) => value);
}

/** Waits until the condition holds, or until `work` has ended. */
async function until(condition: () => Promise<boolean>, work: Promise<unknown>): Promise<void> {
  let hasEnded = false;
  work.then(
    () => (hasEnded = true),
    () => (hasEnded = true),
  );
  while (!hasEnded && !(await condition()));
}

const addNotes = migrationOf('AddNotes1900000000000', ['CREATE TABLE notes (id integer)'], {}, [
  'DROP TABLE notes',
]);

describe('checksums', () => {
  it('are stored for migrations that were applied before, with the next run', async () => {
    const url = await newDatabase();
    await onDatabase(url, async (client) => {
      const before = await valuesOf(client, 'SELECT checksum AS value FROM migrations ORDER BY id');
      await client.query('ALTER TABLE migrations DROP checksum, DROP compatible_with');
      expect(await run(url)).toEqual(['No migrations are pending.']);
      const after = await valuesOf(client, 'SELECT checksum AS value FROM migrations ORDER BY id');
      expect(after).toEqual(before);
      for (const checksum of after) expect(checksum).toMatch(/^[0-9a-f]{64}$/);
    });
  });

  it.each([
    ['in up', ['CREATE TABLE notes (id bigint)'], ['DROP TABLE notes']],
    ['in down', ['CREATE TABLE notes (id integer)'], []],
  ])('make an edit %s of an applied migration fail, before anything is changed', async (_where, up, down) => {
    const url = await newDatabase();
    await run(url, addNotes);
    const edited = migrationOf('AddNotes1900000000000', up, {}, down);
    const later = migrationOf('AddMore1900000000001', ['CREATE TABLE more ()']);
    const message = /^These migrations were edited after they had been applied: AddNotes1900000000000\./;
    await expect(run(url, edited, later)).rejects.toThrow(message);
    await expect(
      withMigrations(url, [edited], (migrator) => migrator.revert(undefined, () => Promise.resolve())),
    ).rejects.toThrow(message);
    await onDatabase(url, async (client) => {
      expect(await valuesOf(client, `SELECT to_regclass('more') AS value`)).toEqual([null]);
      expect((await namesIn(client)).at(-1)).toBe('AddNotes1900000000000');
    });
    await run(url, addNotes);
  });

  it('require migrations whose statements can be read without a database', async () => {
    const url = await newDatabase();
    const creating = class implements DeclaredMigration {
      name = 'Creating1900000000000';
      up = (runner: QueryRunner) => runner.createSchema('notes');
      down = () => Promise.resolve();
    };
    await expect(run(url, creating as unknown as MigrationClass)).rejects.toThrow(
      'Migrations must send SQL with queryRunner.query, so that it can be checked and shown, not with queryRunner.createSchema',
    );
  });
});

describe('a run', () => {
  it('applies each migration once when several start at the same time', async () => {
    const url = await newDatabase();
    const migrations = [addNotes, migrationOf('AddMore1900000000001', ['CREATE TABLE more ()'])];
    await onDatabase(url, async (client) => {
      // All of them wait for this lock, and say who holds it.
      await client.query(`SELECT pg_advisory_lock(hashtext('cairn migrations'))`);
      const [pid] = await valuesOf(client, 'SELECT pg_backend_pid() AS value');
      const runs = Promise.all([1, 2, 3, 4].map(() => run(url, ...migrations)));
      const waiting = `SELECT count(*)::int AS value FROM pg_stat_activity WHERE datname = current_database()
        AND query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()`;
      await until(async () => (await valuesOf(client, waiting))[0] === 4, runs);
      await client.query('SELECT pg_advisory_unlock_all()');
      const lines = await runs;
      const wait = `Another command is migrating this database (process ${pid as number} of the server). Waiting until it ends.`;
      expect(lines.map(([first]) => first)).toContain(wait);
      const applied = lines.flat().filter((line) => line.includes('has been applied'));
      expect(applied).toEqual([
        'Migration AddNotes1900000000000 has been applied (… ms).',
        'Migration AddMore1900000000001 has been applied (… ms).',
      ]);
      expect((await namesIn(client)).slice(-2)).toEqual(['AddNotes1900000000000', 'AddMore1900000000001']);
    });
  });

  it('has no effect when the migration fails', async () => {
    const url = await newDatabase();
    const failing = migrationOf('Failing1900000000000', ['CREATE TABLE notes ()', 'SELECT 1 / 0']);
    await expect(run(url, failing)).rejects.toThrow(
      'Migration Failing1900000000000 failed. Nothing of it has taken effect. division by zero',
    );
    await onDatabase(url, async (client) => {
      expect(await valuesOf(client, `SELECT to_regclass('notes') AS value`)).toEqual([null]);
    });
  });

  it('gives up a lock that another transaction holds, tries again, and at last says so', async () => {
    const url = await newDatabase();
    const alter = migrationOf('Alter1900000000000', ['ALTER TABLE tags ADD extra text']);
    const problem = (attempt: number) =>
      `Migration Alter1900000000000 needs a lock that another transaction holds. Attempt ${attempt} of 3 failed`;
    await onDatabase(url, async (blocker) => {
      await blocker.query('BEGIN; LOCK TABLE tags IN ACCESS SHARE MODE');
      await expect(run(url, alter)).rejects.toThrow(`${problem(3)}. Nothing of it has taken effect.`);

      // The second attempt succeeds, because the first one's message ends the blocking transaction.
      const lines: string[] = [];
      let unblocked: Promise<unknown> | undefined;
      await withMigrations(url, [alter], async (migrator) => {
        const { dataSource } = migrator as unknown as { dataSource: MigrationDataSource };
        const log = (line: string) => {
          lines.push(line);
          unblocked ??= blocker.query('COMMIT');
        };
        await new Migrator(dataSource, log, { timeout: 50, attempts: 100, firstDelay: 1 }).run();
      });
      await unblocked;
      expect(lines[0]).toBe(
        'Migration Alter1900000000000 needs a lock that another transaction holds. Attempt 1 of 100 failed; ' +
          'the next follows in 0.001 seconds.',
      );
      expect(lines.at(-1)).toMatch(/^Migration Alter1900000000000 has been applied/);
    });
  });

  it('waits for the table of migrations in the same way', async () => {
    const url = await newDatabase();
    await onDatabase(url, async (blocker) => {
      await blocker.query('ALTER TABLE migrations DROP checksum, DROP compatible_with');
      await blocker.query('BEGIN; LOCK TABLE migrations IN ACCESS SHARE MODE');
      await expect(run(url)).rejects.toThrow(
        'The preparation of the table migrations needs a lock that another transaction holds. Attempt 3 of 3 failed.',
      );
      await blocker.query('COMMIT');
      expect(await run(url)).toEqual(['No migrations are pending.']);
    });
  });

  it('with --dry-run returns the SQL and changes nothing', async () => {
    const url = await newDatabase();
    const concurrent = migrationOf(
      'AddIndex1900000000001',
      ['CREATE INDEX CONCURRENTLY IF NOT EXISTS extra ON tags (color)'],
      { transaction: false },
    );
    await onDatabase(url, async (client) => {
      await client.query('ALTER TABLE migrations DROP checksum, DROP compatible_with');
      const state = `SELECT to_jsonb(m) AS value FROM migrations m ORDER BY id`;
      const before = await valuesOf(client, state);
      let sql = '';
      await withMigrations(url, [addNotes, concurrent], async (migrator) => (sql = await migrator.dryRun()));
      expect(sql).toBe(
        '-- AddNotes1900000000000\n\nBEGIN;\n\nCREATE TABLE notes (id integer);\n\nCOMMIT;\n\n' +
          '-- AddIndex1900000000001 (not in a transaction)\n\n' +
          'CREATE INDEX CONCURRENTLY IF NOT EXISTS extra ON tags (color);\n',
      );
      expect(await valuesOf(client, state)).toEqual(before);
      expect(await valuesOf(client, `SELECT to_regclass('notes') AS value`)).toEqual([null]);
      await withMigrations(url, [], async (migrator) => (sql = await migrator.dryRun()));
      expect(sql).toBe('-- No migrations are pending.\n');
    });
  });
});

describe('an index that is created concurrently', () => {
  const create = 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS notes_number ON notes (number)';
  const addIndex = migrationOf('AddIndex1900000000000', [create], { transaction: false });
  const isValidSql = `SELECT indisvalid AS value FROM pg_index WHERE indexrelid = 'notes_number'::regclass`;

  async function withNotes(work: (url: string, client: Client) => Promise<void>): Promise<void> {
    const url = await newDatabase();
    await onDatabase(asRole(url, 'cairn_owner'), async (client) => {
      await client.query('CREATE TABLE notes (number integer); INSERT INTO notes VALUES (1), (1)');
      await work(url, client);
    });
  }

  it('is created again by the next run when an attempt has left it invalid', () =>
    withNotes(async (url, client) => {
      await expect(run(url, addIndex)).rejects.toThrow(
        'Migration AddIndex1900000000000 failed. It runs without a transaction: statements before the failed one have ' +
          'taken effect. could not create unique index "notes_number" Key (number)=(1) is duplicated.',
      );
      expect(await valuesOf(client, isValidSql)).toEqual([false]);
      await client.query('TRUNCATE notes');
      expect(await run(url, addIndex)).toEqual([
        'The index notes_number is not valid, because its creation was interrupted. It is dropped.',
        'Migration AddIndex1900000000000 has been applied (… ms).',
      ]);
      expect(await valuesOf(client, isValidSql)).toEqual([true]);
    }));

  it('is rebuilt by the next run when no pending migration creates it', () =>
    withNotes(async (url, client) => {
      await expect(client.query(create)).rejects.toThrow('could not create unique index');
      await client.query('TRUNCATE notes');
      expect(await run(url)).toEqual([
        'The index notes_number is not valid, because its creation was interrupted. It is rebuilt.',
        'No migrations are pending.',
      ]);
      expect(await valuesOf(client, isValidSql)).toEqual([true]);
    }));

  it('is named, with what to do, when it cannot be rebuilt', () =>
    withNotes(async (url, client) => {
      await expect(client.query(create)).rejects.toThrow('could not create unique index');
      const message =
        'REINDEX INDEX CONCURRENTLY public.notes_number failed. Correct the cause, or drop the index: DROP INDEX ' +
        'CONCURRENTLY notes_number. could not create unique index "notes_number_ccnew" Key (number)=(1) is duplicated.';
      await expect(run(url)).rejects.toThrow(message);
      await expect(run(url)).rejects.toThrow(message); // the copy that REINDEX left is dropped
      expect(await valuesOf(client, `SELECT to_regclass('notes_number_ccnew1') AS value`)).toEqual([null]);
    }));

  it('waits for older transactions without a lock timeout', () =>
    withNotes(async (url, client) => {
      await client.query('TRUNCATE notes');
      await onDatabase(asRole(url, 'cairn_owner'), async (older) => {
        await older.query('BEGIN; INSERT INTO notes VALUES (2)');
        const running = run(url, addIndex);
        const waiting = `SELECT count(*)::int AS value FROM pg_stat_activity
          WHERE datname = current_database() AND query = '${create}' AND now() - query_start > interval '0.2 s'`;
        await until(async () => (await valuesOf(client, waiting))[0] === 1, running);
        await older.query('COMMIT');
        expect(await running).toEqual(['Migration AddIndex1900000000000 has been applied (… ms).']);
      });
    }));
});

describe('a revert', () => {
  const migrations = [
    addNotes,
    migrationOf('AddMore1900000000001', ['CREATE TABLE more ()'], {}, ['DROP TABLE more']),
    migrationOf('AddMost1900000000002', ['CREATE TABLE most ()'], {}, ['DROP TABLE most']),
  ];
  const agree = () => Promise.resolve();

  it('to a named migration reverts the later ones, latest first, after confirmation', async () => {
    const url = await newDatabase();
    await run(url, ...migrations);
    let asked: string[] = [];
    const revert = (to: string, confirm = agree) =>
      withMigrations(url, migrations, (migrator) =>
        migrator.revert(to, (names) => {
          asked = names;
          return confirm();
        }),
      );
    await expect(revert('AddNotes1900000000000', () => Promise.reject(new Error('No')))).rejects.toThrow(
      'No',
    );
    expect(asked).toEqual(['AddMost1900000000002', 'AddMore1900000000001']);
    await onDatabase(url, async (client) => {
      expect((await namesIn(client)).at(-1)).toBe('AddMost1900000000002');
      expect(await revert('AddNotes1900000000000')).toEqual([
        'Migration AddMost1900000000002 has been reverted.',
        'Migration AddMore1900000000001 has been reverted.',
      ]);
      expect((await namesIn(client)).at(-1)).toBe('AddNotes1900000000000');
      expect(await revert('AddNotes1900000000000')).toEqual(['No migrations to revert.']);
      await expect(revert('AddMost1900000000002')).rejects.toThrow(
        /^The migration AddMost1900000000002 is not applied. Applied, latest first: AddNotes1900000000000, \w+, /,
      );
    });
  });

  it('needs the version that contains the migration', async () => {
    const url = await newDatabase();
    await run(url, addNotes);
    await expect(withMigrations(url, [], (migrator) => migrator.revert(undefined, agree))).rejects.toThrow(
      'This version of Cairn does not contain the migration AddNotes1900000000000.',
    );
  });
});
