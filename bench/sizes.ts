import { readFileSync } from 'node:fs';
import type { Client } from 'pg';
import { onDatabase } from '../test/setup/server';
import { callText } from './harness/api';
import { addUsers, createSessions, fill, findUsers } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { peakMegabytes, residentMegabytes } from './harness/processes';
import { Server } from './harness/servers';

/*
 * For capacity planning (docs/sizing.md): the size of each table with 100,000 and 1,000,000 tasks, the size of history
 * entries that the application writes, and the memory of one instance and of its database connections.
 */
const userCounts = [10, 100];
const tasksPerUser = 10_000;
const requests = 2000;

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase('bench_sizes');
  let created = 0;
  for (const users of userCounts) {
    await fill(superuserUrl, (client) => addUsers(client, `of${users}_`, users - created, tasksPerUser));
    await onDatabase(superuserUrl, (client) => printSizes(client, users * tasksPerUser));
    created = users;
  }
  await measureInstance(databaseUrl, superuserUrl);
  finish();
}

async function printSizes(client: Client, tasks: number): Promise<void> {
  const { rows } = await client.query<{ name: string; rows: number; table: number; indexes: number }>(`
    SELECT relname AS name, reltuples::float AS rows, pg_table_size(oid)::float AS table, pg_indexes_size(oid)::float AS indexes
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > 0
    ORDER BY pg_total_relation_size(oid) DESC`);
  print('table', 'rows', 'MiB', 'bytes per row', 'of which indexes', 'bytes per task');
  let total = 0;
  for (const { name, rows: count, table, indexes } of rows) {
    total += table + indexes;
    const cells = [(table + indexes) / count, indexes / count, (table + indexes) / tasks];
    print(name, String(count), mebibytes(table + indexes), ...cells.map((cell) => cell.toFixed(0)));
  }
  print(`${tasks} tasks: ${mebibytes(total)} MiB, ${(total / tasks).toFixed(0)} bytes per task`);
}

/** Creates, updates, completes and lists tasks over HTTP, by 10 users, 20 requests at a time. */
async function measureInstance(databaseUrl: string, superuserUrl: string): Promise<void> {
  const server = await Server.start('cairn', databaseUrl);
  const { pid } = server;
  const idle = residentMegabytes(pid);
  const users = await onDatabase(superuserUrl, (client) => findUsers(client, `of${userCounts[0]}_`));
  const tokens = await createSessions(
    superuserUrl,
    users.map(({ user }) => user),
  );
  const send = async (token: string, method: string, path: string, body?: object) =>
    JSON.parse(await callText(server.url, token, method, path, body)) as { id: string };
  const work = async (n: number) => {
    const token = tokens[n % tokens.length]!;
    const { id } = await send(token, 'POST', '/tasks', {
      title: `Write chapter ${n} of the book`,
      description: 'A first draft, with all sources. '.repeat(3),
      priority: 1 + (n % 5),
      category: 'writing',
      due_date: '2026-12-31',
      estimated_hours: 2,
    });
    await send(token, 'PATCH', `/tasks/${id}`, { title: `Write chapter ${n} of the second book` });
    await send(token, 'POST', `/tasks/${id}/complete`);
    await send(token, 'GET', '/tasks?limit=50');
  };
  for (let n = 0; n < requests; n += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, index) => work(n + index)));
  }
  const peak = peakMegabytes(pid);
  await onDatabase(superuserUrl, async (client) => {
    const changes = await client.query<{ kind: string; bytes: string }>(`
      SELECT CASE WHEN operation = 'update' AND fields ? 'status' THEN 'complete' ELSE operation END AS kind,
        round(avg(pg_column_size(changes.*))) AS bytes
      FROM changes WHERE entity = 'task' AND id > ${tasksPerUser} GROUP BY 1 ORDER BY 1`);
    for (const { kind, bytes } of changes.rows) print(`history entry: ${kind}`, `${bytes} bytes`);
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE usename = 'cairn_login' AND datname = 'bench_sizes'`,
    );
    const sizes = rows.map((row) => privateMegabytes(row.pid)).sort((a, b) => a - b);
    print(`connections of the instance: ${rows.length}`, `memory of each: ${sizes.join(', ')} MB`);
  });
  print(
    `instance: ${idle} MB after the start, ${peak} MB at most, ${residentMegabytes(pid)} MB after ${requests * 4} requests`,
  );
}

/** The memory of a process that it does not share, such as shared_buffers. */
function privateMegabytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = [...text.matchAll(/^Private_\w+: +(\d+) kB/gm)].map(([, size]) => Number(size));
  return Math.round(kilobytes.reduce((sum, size) => sum + size, 0) / 1024);
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

void main();
