import { Client } from 'pg';
import { callText } from '../harness/api';
import { createSessions, User } from '../harness/data';
import { print } from '../harness/print';
import { pathFor, reads } from '../harness/reads';
import { Server } from '../harness/servers';
import { quantile } from '../harness/statistics';
import { Dataset, findCursors } from './dataset';
import type { NodeProgram } from './machine';
import type { TargetUser } from './operations';

/** The times of one request, in milliseconds, with different amounts of data. */
export interface GrowthResult {
  request: string;
  isList: boolean;
  times: GrowthTime[];
}

export interface GrowthTime {
  /** Tasks of all users, and of the user who sends the requests. */
  tasks: number;
  ownTasks: number;
  p50: number;
  p95: number;
}

interface Target {
  tasks: number;
  ownTasks: number;
  server: Server;
  user: TargetUser;
  token: string;
}

type Request = (target: Target, n: number) => Promise<unknown>;

const page1 = '/tasks?limit=10';
const page1000 = '/tasks?limit=10&cursor=(page 1,000)';

/** Each sends another request than the time before. */
const writes: Record<string, (user: User, n: number) => [method: string, path: string, body?: object]> = {
  'create a task': (_user, n) => ['POST', '/tasks', { title: `Task ${n}` }],
  'update a task': ({ task }, n) => ['PATCH', `/tasks/${task}`, { title: `Task ${n}` }],
  'delete or restore a task': ({ pending }, n) =>
    n % 2 ? ['POST', `/tasks/${pending}/restore`] : ['DELETE', `/tasks/${pending}`],
};

/**
 * Sends each request to a database of each size in turn, on one connection, as a user with 10,000 tasks; in the largest
 * database, lists also as a user with 100,000.
 */
export async function measureGrowth(datasets: Dataset[], program: NodeProgram, samples: number) {
  const targets: Target[] = [];
  for (const dataset of datasets) {
    const server = await Server.start('cairn', dataset.databaseUrl, { node: program.path });
    const [user] = await findCursors(server.url, dataset);
    targets.push(await targetOf(dataset, server, user!, 10_000));
  }
  const all = [...targets];
  const largest = datasets.at(-1)!;
  if (largest.huge) all.push(await targetOf(largest, targets.at(-1)!.server, largest.huge, 100_000));

  const get =
    (path: string): Request =>
    ({ server, token, user }) =>
      callText(server.url, token, 'GET', pathFor(path, user));
  const results: GrowthResult[] = [];
  for (const [path] of reads) {
    const isList = path.includes('limit=');
    results.push(await measure(path, isList, isList ? all : targets, samples, get(path)));
  }
  results.push(await measure(page1, true, targets, samples, get(page1)));
  const getPage1000: Request = ({ server, token, user }) =>
    callText(server.url, token, 'GET', `${page1}&cursor=${user.cursor}`);
  results.push(await measure(page1000, true, targets, samples, getPage1000));
  for (const [name, write] of Object.entries(writes)) {
    const request: Request = ({ server, token, user }, n) => callText(server.url, token, ...write(user, n));
    results.push(await measure(name, false, targets, samples, request));
  }
  results.push(await measureUserByEmail(largest, samples));
  for (const { server } of targets) await server.stop();
  return results;
}

async function targetOf(
  dataset: Dataset,
  server: Server,
  user: TargetUser,
  ownTasks: number,
): Promise<Target> {
  const [token] = await createSessions(dataset.superuserUrl, [user.user]);
  return { tasks: dataset.tasks, ownTasks, server, user, token: token! };
}

async function measure(
  request: string,
  isList: boolean,
  targets: Target[],
  samples: number,
  send: Request,
): Promise<GrowthResult> {
  const milliseconds = targets.map((): number[] => []);
  const warmUps = 6; // PostgreSQL plans a prepared statement up to five times
  for (let n = 0; n < warmUps + samples; n++) {
    for (const [index, target] of targets.entries()) {
      const start = performance.now();
      await send(target, n);
      if (n >= warmUps) milliseconds[index]!.push(performance.now() - start);
    }
  }
  const times = targets.map(({ tasks, ownTasks }, index) => ({
    tasks,
    ownTasks,
    p50: quantile(milliseconds[index]!, 0.5),
    p95: quantile(milliseconds[index]!, 0.95),
  }));
  print(request, ...times.map(({ p50, p95 }) => `${p50.toFixed(1)} (p95 ${p95.toFixed(1)}) ms`));
  return { request, isList, times };
}

/** The statement of a sign-in alone: most of the time of a sign-in is that of the hash. */
async function measureUserByEmail(
  { superuserUrl, tasks, large }: Dataset,
  samples: number,
): Promise<GrowthResult> {
  const client = new Client({ connectionString: superuserUrl });
  await client.connect();
  const milliseconds: number[] = [];
  for (let n = 0; n < samples; n++) {
    const start = performance.now();
    await client.query({
      name: 'user',
      text: 'SELECT * FROM users WHERE email = $1',
      values: [large[0]!.email],
    });
    milliseconds.push(performance.now() - start);
  }
  await client.end();
  const [p50, p95] = [quantile(milliseconds, 0.5), quantile(milliseconds, 0.95)];
  return { request: 'user by email', isList: false, times: [{ tasks, ownTasks: 10_000, p50, p95 }] };
}
