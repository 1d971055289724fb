import { deepStrictEqual } from 'node:assert';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolder } from '../src/core/config';
import { setUpDatabase } from '../src/database/set-up-database';
import { migrate } from '../src/schema/migration-data-source';
import { fingerprint } from '../test/setup/fingerprint';
import { startInstalledPostgres } from '../test/setup/installed-postgres';
import { run } from '../test/setup/processes';
import { asRole, onDatabase } from '../test/setup/server';
import { call, logIn } from './harness/api';
import { addUsers, fill } from './harness/data';
import { print } from './harness/print';
import { Server } from './harness/servers';

/*
 * Practises the loss of a database, with the commands of docs/backup.md on a server of its own: creates tasks, backs up,
 * drops the database and all roles, restores, and proves that everything is back and a user can sign in. Prints the times.
 */
const taskCount = Number(process.argv[2] ?? 1_000_000);
const tasksPerUser = 10_000;

/** Hours. */
const [recoveryTime, recoveryPoint] = [1, 24];

async function main(): Promise<void> {
  const folder = join(dataFolder, 'drill');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'server'), { recursive: true });
  const postgres = await startInstalledPostgres(join(folder, 'server'), [
    'shared_buffers=512MB',
    'max_wal_size=4GB',
  ]);
  try {
    const url = Object.assign(new URL(postgres.url), { pathname: '/cairn' }).toString();
    const { password } = new URL(url);
    const file = join(folder, 'cairn.dump');
    const cairn = async (environment: NodeJS.ProcessEnv, ...args: string[]) => {
      const command = run('node', ['dist/cli.js', ...args], { ...environment, PATH: postgres.path });
      const code = await command.ended;
      process.stdout.write(command.output());
      if (code !== 0) throw new Error(`${args[0]} ended with ${code}`);
    };

    await time('create the data', async () => {
      await migrate((await setUpDatabase(postgres.url, 'cairn')).migrationDatabaseUrl);
      await fill(url, (client) =>
        addUsers(client, 'drill', Math.ceil(taskCount / tasksPerUser), tasksPerUser),
      );
    });
    const before = await fingerprint(url);
    const rows = Object.values(before.tables).reduce((sum, table) => sum + table.rows, 0);
    const size = await databaseSize(url);

    const backup = await time('back up', () =>
      cairn({ BACKUP_DATABASE_URL: asRole(url, 'cairn_backup') }, 'backup', '--file', file),
    );
    await onDatabase(postgres.url, async (client) => {
      await client.query('DROP DATABASE cairn');
      await client.query(
        'DROP ROLE cairn_login, cairn_app, cairn_auth, cairn_admin, cairn_purge, cairn_backup, cairn_owner',
      );
      await client.query(`CREATE ROLE cairn_owner LOGIN CREATEROLE PASSWORD '${password}'`);
      await client.query(`CREATE ROLE cairn_backup LOGIN BYPASSRLS PASSWORD '${password}'`);
      await client.query(`CREATE DATABASE cairn OWNER cairn_owner ENCODING 'UTF8' TEMPLATE template0`);
    });
    const restore = await time('restore', () =>
      cairn({ MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner') }, 'restore', '--file', file, '--yes'),
    );
    deepStrictEqual(await fingerprint(url), before);
    const start = await time('start Cairn and sign in', async () => {
      await onDatabase(postgres.url, (client) =>
        client.query(`ALTER ROLE cairn_login PASSWORD '${password}'`),
      );
      const app = await Server.start('cairn', asRole(url, 'cairn_login'));
      try {
        const response = await logIn(app.url, 'drill1@example.com');
        const { access_token: token } = (await response.json()) as { access_token: string };
        const tasks = await call(app.url, token, 'GET', '/tasks?limit=1&include=total');
        const { total } = (await tasks.json()) as { total: number };
        // One task of each goal is in the trash.
        deepStrictEqual([response.status, tasks.status, total], [200, 200, tasksPerUser - 200]);
      } finally {
        await app.stop();
      }
    });

    const tasks = before.tables.tasks!.rows;
    print(
      `${tasks} tasks, ${rows} rows, database ${megabytes(size)}, dump ${megabytes(statSync(file).size)}`,
    );
    print(
      'rows, checksums, columns, constraints, indexes, triggers, policies, grants, functions and roles are equal',
    );
    print(`recovery time: ${seconds(restore + start)} of ${recoveryTime} h`);
    print(`recovery point: the time between two backups and ${seconds(backup)}, of ${recoveryPoint} h`);
  } finally {
    postgres.cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns milliseconds */
async function time(name: string, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  const duration = performance.now() - start;
  print(`${name}: ${seconds(duration)}`);
  return duration;
}

async function databaseSize(url: string): Promise<number> {
  return onDatabase(url, async (client) => {
    const { rows } = await client.query<{ size: string }>(
      'SELECT pg_database_size(current_database()) AS size',
    );
    return Number(rows[0]!.size);
  });
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1_000_000)} MB`;

void main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${String((error as Error).stack)}\n`);
    process.exit(1);
  },
);
