import { ChildProcess, fork } from 'node:child_process';
import { Agent, request } from 'node:http';
import { signIn } from './harness/api';
import { addHeavyUser, addUsers, emailsOf, fill, HeavyUser } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { peakMegabytes, residentMegabytes, resetPeak } from './harness/processes';
import { Server } from './harness/servers';
import { median, quantile } from './harness/statistics';

/*
 * One user has 100,000 tasks. First the memory of the application while this user requests 30 large pages at once. Then
 * ten other users read and write as usual, alone and while the first user repeats the ten most expensive requests over 60
 * connections, with rate limits on: their p99 and their errors.
 */
const [connections, others, rounds, seconds] = [60, 10, 3, 15];
const api = '/api/v1';

/** The defaults of the limits that protect users from each other. */
const productionLimits = { RATE_LIMIT_USER: '3000/60', SLOW_STATEMENT_MS: '500' };

interface Sender {
  method: string;
  path: string;
  body?: object;
}

function expensiveRequests({ task, goal }: HeavyUser): Sender[] {
  const create = { op: 'create', data: { title: 'Large', description: 'd'.repeat(2000), tags: ['a', 'b'] } };
  return [
    { method: 'GET', path: '/tasks?q=zzzz&include=total' },
    { method: 'GET', path: '/tasks?limit=200&sort=title,-priority&include=total' },
    { method: 'GET', path: '/tasks?limit=200&category=long' },
    { method: 'GET', path: `/tasks/${task}/history?limit=200` },
    { method: 'GET', path: '/dashboard' },
    { method: 'GET', path: '/tasks/summary' },
    { method: 'GET', path: '/analytics/tasks' },
    { method: 'GET', path: `/goals/${goal}/breakdown` },
    { method: 'GET', path: '/users/me/export' },
    { method: 'POST', path: '/tasks/batch', body: { mode: 'atomic', operations: Array(100).fill(create) } },
  ];
}

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase();
  const ids = await fill(superuserUrl, async (client) => {
    await addUsers(client, 'other', others, 1000);
    return addHeavyUser(client);
  });
  const server = await Server.start('cairn', databaseUrl, { environment: productionLimits });
  const tokens = await signIn(server.url, ['heavy@example.com', ...emailsOf('other', others)]);
  const [heavy = '', ...ordinary] = tokens;

  const measureAndPrint = async (name: string) => {
    const measurement = await measure(server.url, ordinary, seconds);
    printMeasurement(name, measurement);
    return measurement;
  };

  await measure(server.url, ordinary, 3); // warm-up
  for (const path of [`/tasks/${ids.task}/history?limit=200`, '/tasks?limit=200&category=long']) {
    const idle = residentMegabytes(server.pid);
    resetPeak(server.pid);
    const pages = await startFlood(server.url, heavy, [{ method: 'GET', path }], 30);
    await measure(server.url, ordinary, 5);
    const statuses = await endFlood(pages);
    const peak = peakMegabytes(server.pid);
    print(`30 × ${path.replace(/[0-9a-f-]{36}/, '{id}')}: ${statuses}, memory ${idle} → ${peak} MB`);
  }
  // In turns, because the speed of a machine varies.
  const [alone, beside]: [number[], number[]] = [[], []];
  for (let round = 1; round <= rounds; round++) {
    alone.push(quantile((await measureAndPrint('ten users alone')).times, 0.99));
    const flood = await startFlood(server.url, heavy, expensiveRequests(ids), connections);
    beside.push(quantile((await measureAndPrint('beside the heavy user')).times, 0.99));
    print(`responses to the heavy user: ${await endFlood(flood)}`);
  }
  const [p99Alone, p99Beside] = [median(alone), median(beside)];
  print(
    `median p99: ${p99Alone.toFixed(1)} and ${p99Beside.toFixed(1)} ms, ${(p99Beside / p99Alone).toFixed(1)} ×`,
  );
  finish({ p99Alone, p99Beside });
}

interface Measurement {
  times: number[];
  errors: number;
}

/** Each user repeats: list, get, create, update. */
async function measure(url: string, tokens: string[], duration: number): Promise<Measurement> {
  const times: number[] = [];
  let errors = 0;
  const deadline = performance.now() + duration * 1000;
  await Promise.all(
    tokens.map(async (token) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const timed = async (sender: Sender) => {
        const start = performance.now();
        const { status, text } = await send(url, token, sender, agent);
        times.push(performance.now() - start);
        if (status >= 400) errors++;
        return text;
      };
      while (performance.now() < deadline) {
        await timed({ method: 'GET', path: '/tasks?limit=20' });
        const task = JSON.parse(await timed({ method: 'POST', path: '/tasks', body: { title: 'Mine' } })) as {
          id: string;
        };
        await timed({ method: 'GET', path: `/tasks/${task.id}` });
        await timed({ method: 'PATCH', path: `/tasks/${task.id}`, body: { status: 'completed' } });
        await new Promise((resolve) => setTimeout(resolve, 50)); // a user within the rate limit
      }
      agent.destroy();
    }),
  );
  return { times, errors };
}

function send(
  url: string,
  token: string,
  { method, path, body }: Sender,
  agent: Agent,
  isRead = true,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    const sent = request(`${url}${api}${path}`, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => isRead && chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}

/** Starts a process of its own, so that it does not delay the measurement. @returns when it has got a response */
async function startFlood(
  url: string,
  token: string,
  senders: Sender[],
  count: number,
): Promise<ChildProcess> {
  const child = fork(__filename, ['flood'], { execArgv: process.execArgv });
  child.send({ url, token, senders, count });
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

function endFlood(flood: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    flood.once('message', (statuses) => {
      flood.kill();
      resolve(JSON.stringify(statuses));
    });
    flood.send('end');
  });
}

/** Repeats the requests until the process is told to end; then sends the number of responses by status. */
function flood(): void {
  const statuses: Record<string, number> = {};
  process.on('message', (message) => {
    if (message === 'end') {
      process.send!(statuses);
      return;
    }
    const { url, token, senders, count } = message as {
      url: string;
      token: string;
      senders: Sender[];
      count: number;
    };
    for (let index = 0; index < count; index++)
      void repeat(url, token, senders[index % senders.length]!, statuses);
  });
}

async function repeat(
  url: string,
  token: string,
  sender: Sender,
  statuses: Record<string, number>,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (;;) {
    const status = await send(url, token, sender, agent, false).then(
      (response) => response.status,
      () => 0,
    );
    if (Object.keys(statuses).length === 0) process.send!('started');
    statuses[status] = (statuses[status] ?? 0) + 1;
    // As a client that ignores Retry-After, but does not use all of the processor for refused requests.
    if (status >= 400 || status === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function printMeasurement(name: string, { times, errors }: Measurement): void {
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)].map((time) => time.toFixed(1));
  print(`${name}: ${times.length} responses, p50 ${p50} ms, p99 ${p99} ms, ${errors} errors`);
}

if (process.argv[2] === 'flood') flood();
else void main();
