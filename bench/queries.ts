import { Client } from 'pg';
import { createApp } from '../src/app';
import { loadConfig } from '../src/core/config';
import { startupOptions } from '../src/database/role-settings';
import { SentStatement, PostgresProxy } from '../test/setup/postgres-proxy';
import { callText } from './harness/api';
import { addLargeGoal, addUsers, createSessions, fill, findUsers, User } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { pathFor, reads } from './harness/reads';
import { jwtSecret } from './harness/servers';
import { quantile } from './harness/statistics';

/*
 * Measures every list, search, summary and insight for a user with 10,000 of 1,000,000 tasks: the time of the request, and
 * the time and plan of its statements under the policies. `npm run bench` shows how the times grow with the data.
 */
const [otherUsers, tasksPerUser, rounds] = [99, 10_000, 60];

type Writer = User & { largeGoalTask: string };

/** Each creates a different request every time. The bound applies to the whole request. */
const writes: [name: string, bound: number, call: (n: number, user: Writer) => [string, string, object?]][] =
  [
    ['create a task', 15, (n) => ['POST', '/tasks', { title: `Task ${n}` }]],
    [
      'create a task under a goal',
      15,
      (n, { goal }) => ['POST', '/tasks', { title: `Task ${n}`, goal_id: goal }],
    ],
    ['update its title', 15, (n, { task }) => ['PATCH', `/tasks/${task}`, { title: `Task ${n}` }]],
    [
      'complete and reopen it: updates three goals',
      15,
      (n, { task }) => ['POST', `/tasks/${task}/${completeOrReopen(n)}`],
    ],
    [
      'the same under a goal with 10,000 tasks',
      15,
      (n, { largeGoalTask }) => ['POST', `/tasks/${largeGoalTask}/${completeOrReopen(n)}`],
    ],
    [
      'move to the trash and restore',
      10,
      (n, { task }) => (n % 2 ? ['POST', `/tasks/${task}/restore`] : ['DELETE', `/tasks/${task}`]),
    ],
  ];
const completeOrReopen = (n: number) => (n % 2 ? 'reopen' : 'complete?force=true');

interface Result {
  median: number;
  high: number;
  statements: number;
  plan: string;
}

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase();
  const user: Writer = await fill(superuserUrl, async (client) => {
    await addUsers(client, 'me', 1, tasksPerUser);
    await addUsers(client, 'other', otherUsers, tasksPerUser);
    const [me] = await findUsers(client, 'me');
    return { ...me!, largeGoalTask: await addLargeGoal(client, me!.user) };
  });
  const proxy = await PostgresProxy.open(databaseUrl);
  const app = await createApp(
    loadConfig({
      ...{ DATABASE_URL: proxy.url, JWT_SECRET_KEY: jwtSecret, NODE_ENV: 'test' },
      ...{ RATE_LIMITS: 'off', LOG_LEVEL: 'error' },
    }),
  );
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const client = new Client({ connectionString: superuserUrl, options: startupOptions });
  await client.connect();
  const [token] = await createSessions(superuserUrl, [user.user]);
  const send: Send = (method, path, body) => callText(url, token, method, path, body);

  print('call', 'p50', 'p95', 'statements p95', 'bound', 'plan');
  let exceeded = 0;
  for (const [path, bound] of reads) {
    const { median, high, statements, plan } = await measure(send, pathFor(path, user), user, proxy, client);
    const isOver = high > (bound?.request ?? Infinity) || statements > (bound?.statements ?? Infinity);
    if (isOver) exceeded++;
    const boundText = bound ? `${isOver ? 'OVER ' : ''}${JSON.stringify(bound)}` : '';
    print(path, ...[median, high, statements].map((ms) => ms.toFixed(1)), boundText, plan);
  }
  for (const [name, bound, callOf] of writes) {
    const { median, high } = await timed((n) => send(...callOf(n, user)));
    if (high > bound) exceeded++;
    print(name, median.toFixed(1), high.toFixed(1), '', `${high > bound ? 'OVER ' : ''}${bound}`);
  }
  print(`bounds exceeded: ${exceeded}`);
  await client.end();
  await app.close();
  proxy.close();
  finish();
}

type Send = (method: string, path: string, body?: object) => Promise<string>;

async function measure(
  send: Send,
  path: string,
  { user }: User,
  proxy: PostgresProxy,
  client: Client,
): Promise<Result> {
  await send('GET', path); // warm-up
  proxy.reset();
  await send('GET', path);
  const statements = proxy.statements.filter(({ text }) => /^\s*(SELECT (?!enter\()|WITH)/.test(text));
  const timing = await timed(() => send('GET', path));
  const plans: string[] = [];
  let statementTime = 0;
  for (const statement of statements) {
    const { time, nodes } = await explain(client, user, statement);
    statementTime += time;
    plans.push(nodes.join(' '));
  }
  return { ...timing, statements: statementTime, plan: plans.join(' · ') };
}

/** Sends requests one after the other. @returns milliseconds at the median and at the 95th percentile */
async function timed(request: (n: number) => Promise<string>) {
  const milliseconds: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const start = performance.now();
    await request(n);
    milliseconds.push(performance.now() - start);
  }
  return { median: quantile(milliseconds, 0.5), high: quantile(milliseconds, 0.95) };
}

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Relation Name'?: string;
  Plans?: PlanNode[];
}

/** The execution time at the 95th percentile, and the indexes, scans and sorts of the plan. */
async function explain(client: Client, user: string, { text, parameters }: SentStatement) {
  const milliseconds: number[] = [];
  let nodes: string[] = [];
  await client.query('BEGIN');
  await client.query('SELECT act_as($1)', [user]);
  await client.query(`PREPARE explained AS ${text}`);
  const values = parameters.map((value) => (value === null ? 'NULL' : client.escapeLiteral(value)));
  const execute = `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE explained${values.length ? `(${values.join(', ')})` : ''}`;
  for (let n = 0; n < 20; n++) {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode; 'Execution Time': number }] }>(
      execute,
    );
    const [plan] = rows[0]!['QUERY PLAN'];
    milliseconds.push(plan['Execution Time']);
    nodes = [...new Set(flatten(plan.Plan).flatMap(labelOf))];
  }
  await client.query('ROLLBACK; DEALLOCATE explained');
  milliseconds.sort((a, b) => a - b);
  return { time: milliseconds[18]!, nodes };
}

function labelOf(node: PlanNode): string[] {
  if (node['Index Name']) return [node['Index Name']];
  if (node['Node Type'] === 'Seq Scan') return [`SEQ SCAN ${node['Relation Name']}`];
  return node['Node Type'].includes('Sort') ? ['(sort)'] : [];
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

void main();
