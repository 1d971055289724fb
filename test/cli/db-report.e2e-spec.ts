import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { DatabaseReport } from '../../src/cli/database-report';
import { sections } from '../../src/cli/database-report-sections';
import { projectFolder } from '../../src/core/config';
import { newDatabase } from '../setup/app';
import { runCli } from '../setup/cli';
import { runNode } from '../setup/processes';
import { copyProject } from '../setup/project-copy';
import { asRole, onDatabase } from '../setup/server';

async function report(url: string): Promise<DatabaseReport> {
  const command = runNode(['src/cli.ts', 'db:report', '--json'], { MIGRATION_DATABASE_URL: url });
  expect([await command.ended, command.output()]).toEqual([0, command.output()]);
  return JSON.parse(command.standardOutput()) as DatabaseReport;
}

const number = expect.any(Number) as number;
const needingStatistics = ['connections', 'long_transactions', 'slow_statements', 'standbys'];
const noteFor = (role: string) =>
  `Not shown: the role ${role} cannot see the activity of other roles. As a superuser, run: GRANT pg_monitor TO ${role}`;

describe('of a database with problems', () => {
  let url: string;
  let all: DatabaseReport;
  let holder: Client, waiter: Client;
  let holderPid: number, waiterPid: number;
  let wait: Promise<unknown>;

  beforeAll(async () => {
    url = await newDatabase();
    await onDatabase(url, async (client) => {
      await client.query(`
        CREATE TABLE parents (id integer PRIMARY KEY);
        CREATE TABLE children (id integer PRIMARY KEY, parent_id integer REFERENCES parents, name text, number integer);
        CREATE INDEX children_unused ON children (name);
        CREATE INDEX children_used ON children (number);
        CREATE UNIQUE INDEX children_unique ON children (number) WHERE id < 0;
        CREATE INDEX children_partial ON children (parent_id) WHERE name IS NOT NULL;
        CREATE TABLE indexed (id integer PRIMARY KEY, parent_id integer REFERENCES parents);
        CREATE INDEX indexed_parent ON indexed (parent_id, id) WHERE parent_id IS NOT NULL;
        INSERT INTO children (id, name, number) SELECT n, 'the same', n FROM generate_series(1, 20000) n;
        UPDATE children SET name = 'the same' WHERE id <= 2000;
        ANALYZE children;`);
      const duplicate = client.query('CREATE UNIQUE INDEX CONCURRENTLY children_invalid ON children (name)');
      await expect(duplicate).rejects.toThrow('could not create unique index');
      await client.query(`
        SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
        DO $$ BEGIN FOR n IN 1..60 LOOP PERFORM count(*) FROM children WHERE number > 0; END LOOP; END $$;
        RESET ALL; SET enable_seqscan = off;
        SELECT FROM children WHERE number = 1;`);
      await client.query('SELECT pg_stat_force_next_flush()');
    });
    [holder, waiter] = [new Client(url), new Client(url)];
    const pidOf = async (client: Client) => {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      return rows[0]!.pid;
    };
    [holderPid, waiterPid] = [await pidOf(holder), await pidOf(waiter)];
    await holder.query('BEGIN');
    await holder.query(`INSERT INTO parents SELECT 1 WHERE 'a secret' <> ''`);
    wait = waiter.query('BEGIN; LOCK TABLE parents IN SHARE MODE');
    const isWaiting = 'SELECT FROM pg_locks WHERE NOT granted AND pid = $1';
    while ((await holder.query(isWaiting, [waiterPid])).rowCount === 0);
    all = await report(url);
  });
  afterAll(async () => {
    await holder.end();
    await wait;
    await waiter.end();
  });

  const rowsOf = (name: string) => all.sections[name]!.rows;

  it('names the database, and has every section', () => {
    expect(all).toMatchObject({ database: new URL(url).pathname.slice(1), role: 'postgres' });
    expect(Object.keys(all.sections)).toEqual(sections.map(({ name }) => name));
    expect(JSON.stringify(all)).not.toContain('secret');
  });

  it('lists foreign keys without an index: none of Cairn', () => {
    expect(rowsOf('foreign_keys_without_index')).toEqual([
      {
        table: 'children',
        constraint: 'children_parent_id_fkey',
        referenced_table: 'parents',
        columns: 'parent_id',
      },
    ]);
  });

  it('lists invalid indexes', () => {
    expect(rowsOf('invalid_indexes')).toEqual([
      { table: 'children', index: 'children_invalid', bytes: number, is_being_built: false },
    ]);
  });

  it('lists unused indexes, but not those that enforce something', () => {
    const unused = rowsOf('unused_indexes').filter(({ table }) => table === 'children');
    expect(unused.map(({ index }) => index).sort()).toEqual(['children_partial', 'children_unused']);
    expect(rowsOf('unused_indexes').some(({ index }) => /_pkey$|_key$/.test(String(index)))).toBe(false);
  });

  it('lists the use of indexes', () => {
    const scans = new Map(rowsOf('index_use').map((row) => [row.index, row.scans]));
    expect([scans.get('children_unused'), scans.get('children_partial')]).toEqual([0, 0]);
    expect(scans.get('children_used')).toBeGreaterThanOrEqual(1);
  });

  it('lists tables that are read completely', () => {
    const [row, ...more] = rowsOf('sequential_scans');
    expect(more).toEqual([]);
    expect(row).toMatchObject({ table: 'children', bytes: number });
    expect(row!.scans).toBeGreaterThanOrEqual(60);
  });

  it('lists sizes and dead rows', () => {
    const size = rowsOf('table_sizes').find(({ table }) => table === 'children')!;
    expect(size).toMatchObject({ estimated_rows: 20_000 });
    expect(size.total_bytes).toBe(Number(size.table_bytes) + Number(size.index_bytes));
    expect(rowsOf('dead_rows')).toContainEqual({
      table: 'children',
      live_rows: 20_000,
      dead_rows: 2000,
      dead_percent: 9.1,
      last_vacuum: null,
      last_analyze: expect.stringMatching(/^\d{4}-/) as string,
    });
  });

  it('lists long transactions, with the first word of their statements only', () => {
    expect(rowsOf('long_transactions')[0]).toEqual({
      pid: holderPid,
      role: 'postgres',
      application: '',
      state: 'idle in transaction',
      seconds: number,
      command: 'SELECT',
    });
  });

  it('lists lock waits and who blocks them', () => {
    expect(rowsOf('lock_waits')).toEqual([
      {
        pid: waiterPid,
        role: 'postgres',
        seconds: number,
        lock: 'relation',
        mode: 'ShareLock',
        table: 'parents',
        blocked_by: [holderPid],
      },
    ]);
  });

  it('counts connections', () => {
    const [limit] = rowsOf('connection_limit');
    expect(limit!.used).toBeGreaterThanOrEqual(3);
    const ours = rowsOf('connections').filter(({ database }) => database === all.database);
    expect(ours).toContainEqual({
      database: all.database,
      role: 'postgres',
      application: '',
      state: 'idle in transaction',
      connections: 1,
      longest_seconds: number,
    });
  });

  it('has the version, the age of transaction ids, and no standby', () => {
    expect(rowsOf('server')).toEqual([
      expect.objectContaining({ is_standby: false, uptime_seconds: number }),
    ]);
    expect(rowsOf('wraparound')).toEqual([expect.objectContaining({ transaction_age: number })]);
    expect([rowsOf('standbys'), rowsOf('replay')]).toEqual([[], []]);
    expect(rowsOf('cache_hits').map(({ kind }) => kind)).toEqual(['tables', 'indexes']);
  });

  it.each(['cairn_owner', 'cairn_login'] as const)('as %s, says which right is missing', async (role) => {
    const limited = await report(asRole(url, role));
    for (const { name } of sections) {
      const { note } = limited.sections[name]!;
      expect([name, note]).toEqual([name, needingStatistics.includes(name) ? noteFor(role) : null]);
    }
    const { invalid_indexes, lock_waits } = limited.sections;
    expect(invalid_indexes).toEqual(all.sections.invalid_indexes);
    expect(lock_waits!.rows).toEqual([expect.objectContaining({ pid: waiterPid, blocked_by: [holderPid] })]);
  });

  it('is shown as aligned tables, also by DATABASE_URL alone in production', async () => {
    const environment = { NODE_ENV: 'production', DATABASE_URL: asRole(url, 'cairn_login') };
    const [status, text] = await runCli(['db:report'], environment);
    expect(status).toBe(0);
    expect(text).toContain(
      [
        'Foreign keys without an index that begins with their columns',
        '  table     constraint               referenced_table  columns',
        '  children  children_parent_id_fkey  parents           parent_id',
        '  Deleting a referenced row reads the whole table.',
        '',
        '',
      ].join('\n'),
    );
    expect(text).toContain(
      `Standbys and other receivers of the write-ahead log\n  ${noteFor('cairn_login')}\n`,
    );
    expect(text).toContain('This server as a standby\n  none\n');
    expect(text).toMatch(/^ {2}children +20,000 +\d+\.\d [KM]iB +\d+\.\d [KM]iB +\d+\.\d [KM]iB$/m);
  });

  it('shows the other sections when a lock blocks one', async () => {
    await onDatabase(url, async (client) => {
      await client.query('BEGIN; LOCK TABLE children IN ACCESS EXCLUSIVE MODE');
      const { sections: read } = await report(url);
      expect(read.table_sizes).toMatchObject({
        note: 'Not shown: reading it takes longer than 5s.',
        rows: [],
      });
      expect(read.invalid_indexes).toEqual(all.sections.invalid_indexes);
    });
  });
});

describe('of the embedded server', () => {
  let folder: string;
  beforeAll(() => (folder = copyProject()));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('shows statements with placeholders, and the documented columns', async () => {
    const code = `
      const { embeddedDatabase, migrate } = require('./src/schema/migration-data-source');
      embeddedDatabase().then(async ({ migrationDatabaseUrl }) => {
        await migrate(migrationDatabaseUrl);
        const client = new (require('pg').Client)(migrationDatabaseUrl);
        await client.connect();
        await client.query("SELECT 'a secret' AS statement_of_the_test");
        await client.query("SET application_name = 'a secret'");
        console.log(migrationDatabaseUrl);
        setInterval(() => {}, 1000);
        process.on('SIGTERM', () => process.exit(0));
      });`;
    const server = runNode(['-e', code], {}, folder);
    const [url] = await server.waitForOutput(/postgres\S+/);
    const command = runNode(['src/cli.ts', 'db:report', '--json'], {}, folder);
    expect([await command.ended, command.output()]).toEqual([0, command.output()]);
    const { sections: read } = JSON.parse(command.standardOutput()) as DatabaseReport;
    expect(Object.values(read).map(({ note }) => note)).toEqual(sections.map(() => null));
    const statements = read.slow_statements!.rows.map(({ statement }) => statement);
    expect(statements).toContainEqual(expect.stringMatching(/^INSERT INTO migrations .+ VALUES \(\$1, /));
    const columns = await onDatabase(url, columnsOfSections);
    await onDatabase(url, async (client) => {
      const { rows } = await client.query<{ query: string }>(
        `SELECT query FROM (${sections.find(({ name }) => name === 'slow_statements')!.sql.replace('LIMIT 15', '')}) s (a, b, c, d, e, f, query)
         WHERE query LIKE '%statement_of_the_test%' OR query LIKE 'SET %'`,
      );
      expect(rows).toEqual([{ query: 'SELECT $1 AS statement_of_the_test' }]);
    });
    server.process.kill('SIGTERM');
    expect(await server.ended).toBe(0);

    const docs = readFileSync(join(projectFolder, 'docs/troubleshooting.md'), 'utf8');
    const documented = [...docs.matchAll(/^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$/gm)].map(
      ([, name, list]) => [name, [...list!.matchAll(/`(\w+)`/g)].map(([, column]) => column)],
    );
    expect(documented).toEqual(columns);
  });
});

/** The names of the columns of each section. */
async function columnsOfSections(client: Client): Promise<[string, string[]][]> {
  const found: [string, string[]][] = [];
  for (const { name, sql } of sections) {
    const { fields } = await client.query(`SELECT * FROM (${sql}) section LIMIT 0`);
    found.push([name, fields.map((field) => field.name)]);
  }
  return found;
}
