import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import type { OpenAPIObject } from '@nestjs/swagger';
import { call, signIn } from './harness/api';
import { addHeavyUser, addUsers, fill } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { Server } from './harness/servers';
import { BenchRequest, IdOf, requestsOf } from './requests';

/*
 * The longest time for which one request blocks the event loop: the largest legal and illegal requests of every route, as
 * a user with 100,000 tasks. Other processes can delay the application too, so that the longest ones are repeated: a
 * request that blocks does so each time, and the smallest of its figures counts. A block is not longer than the CPU time of
 * the process in that time. Exits with 1 above the limit.
 */
const [maxBlock, repetitions, maxSeconds, atOnce, maxSuspects] = [50, 5, 2, 10, 30];
const email = 'heavy@example.com';

/** What monitor.mjs measures. */
interface Usage {
  /** The longest time for which the event loop was blocked, in milliseconds. */
  longestBlock: number;
  /** Milliseconds of processor time of all threads. */
  cpu: number;
}

interface Result extends Usage {
  request: BenchRequest;
  statuses: number[];
}

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase();
  const { ids, spare } = await fill(superuserUrl, async (client) => {
    const ids = await addHeavyUser(client);
    await addUsers(client, 'other', 30, 1000);
    await client.query(`UPDATE users SET is_superuser = true WHERE email = $1`, [email]);
    const idsOf = async (sql: string, values: string[] = []) =>
      (await client.query<{ id: string }>(sql, values)).rows.map(({ id }) => id);
    const spare: Record<string, string[]> = {
      tasks: await idsOf(`SELECT id FROM tasks WHERE user_id = $1 AND category <> 'long' LIMIT 5000`, [
        ids.user,
      ]),
      goals: await idsOf(`SELECT id FROM goals WHERE user_id = $1 AND id <> $2`, [ids.user, ids.goal]),
      tags: await idsOf(`SELECT id FROM tags WHERE user_id = $1`, [ids.user]),
      users: await idsOf(`SELECT id FROM users WHERE id <> $1`, [ids.user]),
    };
    return { ids, spare };
  });
  const heavy: Record<string, string> = { tasks: ids.task, goals: ids.goal, users: ids.user };
  let next = 0;
  const idOf: IdOf = (name, method) => {
    const collection =
      name === 'goal_id' ? 'goals' : name === 'dependencies' || name === 'id' ? 'tasks' : name;
    if (method === 'get' && heavy[collection]) return heavy[collection];
    const list = spare[collection];
    return list ? list[next++ % list.length]! : randomUUID();
  };
  const server = await Server.start('cairn', databaseUrl, {
    environment: { USER_QUEUE_SIZE: '1000', RATE_LIMITS: 'off' }, // requests end sessions, and sign in again and again
    isMonitored: true,
  });
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenAPIObject;
  const filter = process.argv[2] ?? '';
  const requests = requestsOf(document, idOf).filter(({ route }) => route.includes(filter));

  const session = new Session(server.url);
  for (const request of requests.filter(({ isLegal }) => isLegal)) await session.send(request); // warm-up
  const results: Result[] = [];
  let route = '';
  for (const request of requests) {
    if (request.route !== route) {
      await session.renew();
    }
    ({ route } = request);
    results.push(await measure(server.process, session, request, 1));
  }

  printLongest('each request once', results);
  // Those that may block, alone; and those that may add up, at once.
  const worst = new Set(worstOf(results, maxSuspects));
  const longest = results.filter(({ longestBlock }) => longestBlock > maxBlock / 2);
  for (const group of groupBy(longest, ({ request }) => request.route).values())
    for (const result of worstOf(group, 3)) worst.add(result);
  for (const group of groupBy(results, ({ request }) => request.route).values())
    worst.add(worstOf(group, 1, 'cpu')[0]!);
  const [alone, together]: [Result[], Result[]] = [[], []];
  for (const { request } of worst) {
    await session.renew();
    alone.push(await smallest(server.process, session, request, 1));
    together.push(await smallest(server.process, session, request, atOnce));
  }
  const longestAlone = printLongest('one request', alone);
  const longestTogether = printLongest(`${atOnce} of the same at once`, together);
  const failed = results.filter(({ statuses }) => statuses.some((status) => status === 0 || status >= 500));
  for (const { request, statuses } of failed) print(`${statuses.join()} ${request.route} ${request.name}`);
  const byStatus = groupBy(results, ({ statuses }) => statuses[0]!);
  const counts = [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, { length }]) => `${length} × ${status}`);
  print(`${results.length} requests: ${counts.join(', ')}`);
  finish({ longestAlone, longestTogether }, Math.max(longestAlone, longestTogether) <= maxBlock);
}

async function smallest(
  child: ChildProcess,
  session: Session,
  request: BenchRequest,
  count: number,
): Promise<Result> {
  const deadline = performance.now() + maxSeconds * 1000;
  let best = await measure(child, session, request, count);
  for (let index = 1; index < repetitions; index++) {
    if (best.longestBlock < maxBlock / 2 || performance.now() > deadline) break;
    const result = await measure(child, session, request, count);
    if (result.longestBlock < best.longestBlock) best = result;
  }
  return best;
}

async function measure(
  child: ChildProcess,
  session: Session,
  request: BenchRequest,
  count: number,
): Promise<Result> {
  await ask(child, 'start');
  const statuses = await Promise.all(Array.from({ length: count }, () => session.send(request)));
  const { longestBlock, cpu } = (await ask(child, 'end')) as Usage;
  // While it waits for a processor, the application is delayed without a fault of its own.
  return { request, statuses, longestBlock: Math.min(longestBlock, cpu), cpu };
}

function ask(child: ChildProcess, message: string): Promise<unknown> {
  return new Promise((resolve) => {
    child.once('message', resolve);
    child.send(message);
  });
}

function groupBy<T, Key>(items: T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function worstOf(results: Result[], count: number, figure: keyof Usage = 'longestBlock'): Result[] {
  return [...results].sort((a, b) => b[figure] - a[figure]).slice(0, count);
}

/** @returns the longest block */
function printLongest(title: string, results: Result[]): number {
  print(`\n${title}: longest block, CPU time, status, route`);
  const longest = [...groupBy(results, ({ request }) => request.route).values()].map(
    (group) => worstOf(group, 1)[0]!,
  );
  for (const { request, longestBlock, cpu, statuses } of worstOf(longest, 15)) {
    print(
      `${longestBlock.toFixed(1).padStart(7)} ms ${cpu.toFixed(0).padStart(6)} ms  ${[...new Set(statuses)].join()}  ${request.route}: ${request.isLegal ? 'legal, ' : ''}${request.name} ${request.target.slice(request.target.indexOf('?')).slice(0, 100)}`,
    );
  }
  const maximum = Math.max(...results.map(({ longestBlock }) => longestBlock));
  print(`maximum: ${maximum.toFixed(1)} ms`);
  return maximum;
}

/** Sends requests as the heavy user. */
class Session {
  private token = '';

  constructor(private readonly url: string) {}

  /** Signs in again if a request has ended the session. */
  async renew(): Promise<void> {
    const { status } = await call(this.url, this.token, 'GET', '/users/me');
    if (status !== 200) [this.token = ''] = await signIn(this.url, [email]);
  }

  /** Uses a plain socket, because an HTTP client would refuse to send some of the requests. @returns the status, or 0 */
  send({ method, target, headers, body }: BenchRequest): Promise<number> {
    const { hostname, port } = new URL(this.url);
    const lines: Record<string, string> = {
      host: 'x',
      connection: 'close',
      authorization: `Bearer ${this.token}`,
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      }),
      ...headers,
    };
    const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(`${method} ${target} HTTP/1.1\r\n${head.join('')}\r\n${body ?? ''}`),
      );
      let status = 0;
      socket.setTimeout(30_000, () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        // The rest of a long export is like its beginning.
        if (!status) setTimeout(() => socket.destroy(), 300).unref();
        status ||= Number(chunk.subarray(9, 12).toString());
      });
      socket.on('error', () => undefined); // the server can close the connection before it has read the whole body
      socket.on('close', () => resolve(status));
    });
  }
}

void main();
