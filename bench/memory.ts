import { connect, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { MemoryPeaks } from './comparison/results';
import { addHeavyUser, addUsers, createSessions, fill, HeavyUser } from './harness/data';
import { createDatabase } from './harness/database';
import { MemoryLimit, recommendedMegabytes } from './harness/memory-limit';
import { finish, print } from './harness/print';
import { peakMegabytes, residentMegabytes, resetPeak } from './harness/processes';
import { Server } from './harness/servers';

/*
 * The memory of the application while it serves the heaviest requests, each in a new process of the compiled application:
 * resident memory when idle, its peak and what remains. Exits with 1 if a peak is more than 256 MB above idle.
 */
const [maxGrowth, rounds, maxSeconds] = [256, 3, 6];

/** How many of the same request are sent at once, of how many users, and whether with the recommended memory limit. */
interface Load {
  name: keyof MemoryPeaks;
  atOnce: number;
  users: number;
  hasMemoryLimit?: boolean;
}

const mostAtOnce = 30;

const loads: Load[] = [
  { name: 'alone', atOnce: 1, users: 1 },
  { name: 'together', atOnce: mostAtOnce, users: 1 },
  { name: 'together', atOnce: mostAtOnce, users: mostAtOnce },
  { name: 'togetherLimited', atOnce: mostAtOnce, users: mostAtOnce, hasMemoryLimit: true },
];

interface Sender {
  name: string;
  method?: string;
  path: (owner: HeavyUser) => string;
  body?: string;
  /** How the client behaves after it has sent the request. */
  client?: 'stops halfway' | 'does not read' | 'reads slowly';
}

const long = (text: string, count: number) => ({
  op: 'create',
  data: {
    title: 'Large',
    description: text.repeat(count),
    tags: Array.from({ length: 20 }, (_, n) => `t${n}`),
  },
});
const batch = (mode: string, text: string, count: number) =>
  JSON.stringify({ mode, operations: Array.from({ length: 195 }, () => long(text, count)) });
const list = () => '/tasks?limit=200&category=long';

const senders: Sender[] = [
  { name: '200 long tasks', path: list },
  { name: '200 tasks of control characters', path: () => '/tasks?limit=200&category=control' },
  { name: '25 tasks of control characters', path: () => '/tasks?limit=25&category=control' },
  { name: 'history of large changes', path: ({ task }) => `/tasks/${task}/history?limit=200` },
  { name: 'history, 25 changes', path: ({ task }) => `/tasks/${task}/history?limit=25` },
  { name: 'export', path: () => '/users/me/export' },
  { name: 'calendar', path: () => '/calendar.ics' },
  { name: 'breakdown', path: ({ goal }) => `/goals/${goal}/breakdown` },
  { name: 'dashboard', path: () => '/dashboard' },
  {
    name: 'atomic batch of 1 MiB',
    method: 'POST',
    path: () => '/tasks/batch',
    body: batch('atomic', '🪨', 1270),
  },
  {
    name: 'partial batch of 1 MiB',
    method: 'POST',
    path: () => '/tasks/batch',
    body: batch('partial', 'x', 5100),
  },
  {
    name: 'task of 64 KiB',
    method: 'POST',
    path: () => '/tasks',
    body: JSON.stringify(long('\u0001', 10_000).data),
  },
  {
    name: 'uploads',
    method: 'POST',
    path: () => '/tasks/batch',
    body: batch('atomic', 'x', 5100),
    client: 'stops halfway',
  },
  { name: '200 long tasks', path: list, client: 'does not read' },
  { name: 'export', path: () => '/users/me/export', client: 'does not read' },
  { name: '200 long tasks', path: list, client: 'reads slowly' },
];

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase();
  const owners = await fill(superuserUrl, addOwners);
  const possibleLoads = loads.filter(({ hasMemoryLimit }) => !hasMemoryLimit || MemoryLimit.isPossible());
  const peaks: MemoryPeaks = {};
  let largestGrowth = 0;
  const filter = new RegExp(process.argv[2] ?? '');
  for (const sender of senders.filter(({ name, client = '' }) => filter.test(`${name} ${client}`))) {
    for (const { name, atOnce, users, hasMemoryLimit } of possibleLoads) {
      const tokens = await createSessions(
        superuserUrl,
        owners.map(({ user }) => user),
      );
      const server = await Server.start('cairn', databaseUrl, { hasMemoryLimit });
      const { pid } = server;
      const send = (index: number, client = sender.client) =>
        sendOnSocket(server.url, tokens[index % users]!, { ...sender, client }, owners[index % users]!);
      await send(0, undefined); // warm-up
      await delay(500);
      const idle = residentMegabytes(pid);
      resetPeak(pid);
      const statuses: Record<number, number> = {};
      for (let round = 0; round < rounds; round++) {
        for (const status of await Promise.all(Array.from({ length: atOnce }, (_, index) => send(index))))
          statuses[status] = (statuses[status] ?? 0) + 1;
      }
      await delay(3000);
      const peak = peakMegabytes(pid);
      const growth = peak - idle;
      peaks[name] = Math.max(peaks[name] ?? 0, peak);
      largestGrowth = Math.max(largestGrowth, growth);
      const what = [sender.name, sender.client && `client ${sender.client}`].filter(Boolean).join(', ');
      const limit = hasMemoryLimit ? `, limit of ${recommendedMegabytes} MB` : '';
      print(
        `${growth > maxGrowth ? 'ABOVE ' : ''}${atOnce} × ${what}, ${users} user${users > 1 ? 's' : ''}${limit}: ${idle} → ${peak} MB (+${growth}), then ${residentMegabytes(pid)}; ${JSON.stringify(statuses)}`,
      );
      await server.stop();
    }
  }
  finish(peaks, largestGrowth <= maxGrowth);
}

/** @returns the status, or 0 if there was no response */
function sendOnSocket(url: string, token: string, sender: Sender, owner: HeavyUser): Promise<number> {
  const { method = 'GET', path, body = '', client } = sender;
  const { hostname, port } = new URL(url);
  const head = [
    `${method} /api/v1${path(owner)} HTTP/1.1`,
    'host: x',
    'connection: close',
    `authorization: Bearer ${token}`,
    ...(body && ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
  ];
  return new Promise((resolve) => {
    let status = 0;
    const socket: Socket = connect(Number(port), hostname, () => {
      socket.write(
        `${head.join('\r\n')}\r\n\r\n${client === 'stops halfway' ? body.slice(0, body.length / 2) : body}`,
      );
      if (client === 'does not read') socket.pause();
    });
    socket.on('data', (chunk: Buffer) => {
      status ||= Number(chunk.subarray(9, 12).toString());
      if (client !== 'reads slowly') return;
      socket.pause();
      setTimeout(() => socket.resume(), 50);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(status));
    // The rest of a long export is like its beginning.
    const timer = setTimeout(() => socket.destroy(), maxSeconds * 1000);
    socket.once('close', () => clearTimeout(timer));
  });
}

/** @returns the heavy user, and others with fewer, but equally large rows */
async function addOwners(client: Client): Promise<HeavyUser[]> {
  const heavy = await addHeavyUser(client);
  await addUsers(client, 'other', mostAtOnce - 1, 1000);
  const control = String.raw`repeat(E'\x01', 20000)`;
  await client.query(`
    CREATE TEMP VIEW others AS SELECT id AS user_id FROM users WHERE email <> 'heavy@example.com';
    INSERT INTO tasks (user_id, id, title, description, notes, category, due_date)
      SELECT id, gen_random_uuid(), 'Task ' || n, ${control}, ${control}, 'control', now() FROM users, generate_series(1, 200) n;
    INSERT INTO tasks (user_id, id, title, description, notes, category, status, due_date)
      SELECT user_id, gen_random_uuid(), 'Long ' || n, repeat(md5(n::text), 600), repeat(md5(n::text), 600), 'long', 'in_progress', now()
      FROM others, generate_series(1, 1000) n;
    INSERT INTO goals (user_id, id, title, description, success_criteria, target_date)
      SELECT user_id, gen_random_uuid(), 'Long goal ' || n, repeat(md5(n::text), 600), repeat(md5(n::text), 600), now() FROM others, generate_series(1, 2000) n;
    UPDATE goals g SET parent_goal_id = p.id FROM goals p, others
      WHERE g.user_id = others.user_id AND p.user_id = g.user_id AND p.title = 'Long goal 1' AND g.title LIKE 'Long goal %' AND g.title <> 'Long goal 1';
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
      SELECT t.user_id, n, 'task', t.id, n, 'update', jsonb_build_object(
        'description', jsonb_build_object('old', repeat(md5(n::text), 600), 'new', repeat(md5((n + 1)::text), 600)),
        'notes', jsonb_build_object('old', repeat(md5(n::text), 600), 'new', repeat(md5((n + 1)::text), 600)))
      FROM others JOIN tasks t USING (user_id), generate_series(1001, 1204) n WHERE t.title = 'Long 1'`);
  const { rows } = await client.query<HeavyUser>(
    `SELECT u.id AS user, t.id AS task, g.id AS goal FROM users u JOIN tasks t ON t.user_id = u.id AND t.title = 'Long 1'
       JOIN goals g ON g.user_id = u.id AND g.title = 'Long goal 1'`,
  );
  return [heavy, ...rows];
}

void main();
