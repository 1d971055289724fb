import { Client } from 'pg';
import { createApp } from '../src/app';
import { loadConfig } from '../src/core/config';
import { startupOptions } from '../src/database/role-settings';
import { SentStatement, PostgresProxy } from '../test/setup/postgres-proxy';
import { createUsers, createLargeGoal, Ids, tasksPerUser } from './query-data';
import { benchDatabase, passwordHash, signIn } from './setup';

/*
 * Measures every list, search, summary and insight for a user with 10,000 tasks: first as the only user, then with
 * 1,000,000 tasks in total. Reports the time of the request, and the time and plan of its statements under the policies.
 */
const [otherUsers, rounds] = [99, 60];

/** Maximum milliseconds at the 95th percentile, for the whole request or for its statements. */
interface Bound {
  request?: number;
  statements?: number;
}

const calls: [path: string, bound?: Bound][] = [
  ['/tasks/{task}', { statements: 5 }],
  ['/tasks?limit=20'],
  ['/tasks?limit=100', { statements: 20 }],
  ['/tasks?limit=200'],
  ['/tasks?limit=20&include=total'],
  ['/tasks?limit=20&status=pending'],
  ['/tasks?limit=20&status=pending,blocked'],
  ['/tasks?limit=20&completed=true'],
  ['/tasks?limit=20&category=c3'],
  ['/tasks?limit=20&priority=1'],
  ['/tasks?limit=20&project_name=Bridge'],
  ['/tasks?limit=20&goal_id={goal}'],
  ['/tasks?limit=20&parent_task_id={task}'],
  ['/tasks?limit=20&due_date=none'],
  ['/tasks?limit=20&sort=due_date'],
  ['/tasks?limit=20&sort=-due_date'],
  ['/tasks?limit=20&due_from=2026-03-01&due_before=2026-03-08&sort=due_date'],
  ['/tasks?limit=20&completed_from=2026-01-01'],
  ['/tasks?limit=20&sort=-completed_at'],
  ['/tasks?limit=20&sort=-priority,title'],
  ['/tasks?limit=20&sort=-updated_at'],
  ['/tasks?limit=20&tag=t3,t4'],
  ['/tasks?limit=20&tag_all=t3,all'],
  ['/tasks?limit=20&is_blocked=true'],
  ['/tasks?limit=20&q=granite'],
  ['/tasks?limit=20&q=nowhere to be found'],
  ['/tasks?limit=20&trashed=true&sort=-deleted_at'],
  ['/tasks/{task}/subtasks?limit=20'],
  ['/tasks/{task}/dependencies?limit=20'],
  ['/tasks/{task}/time-entries?limit=20'],
  ['/tasks/{task}/history?limit=20'],
  ['/tasks/summary'],
  ['/tags?limit=200'],
  ['/goals/{goal}'],
  ['/goals?limit=20'],
  ['/goals?limit=20&status=active'],
  ['/goals?limit=20&horizon=weekly'],
  ['/goals?limit=20&sort=target_date'],
  ['/goals?limit=20&parent_goal_id={goal}'],
  ['/goals?limit=20&q=granite'],
  ['/goals/{goal}/tasks?limit=20'],
  ['/goals/{goal}/history?limit=20'],
  ['/goals/summary'],
  ['/goals/{root}/breakdown', { request: 200 }],
  ['/dashboard', { request: 100 }],
  ['/analytics/tasks?days=365'],
  ['/analytics/goals?days=365'],
  ['/analytics/velocity?days=30'],
  ['/analytics/velocity?days=365'],
  ['/analytics/trends?days=365'],
  ['/calendar.ics'],
];

/** Each creates a different request every time. The bound applies to the whole request. */
const writes: [name: string, bound: number, call: (n: number, ids: Ids) => [string, string, object?]][] = [
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
    (n, { large }) => ['POST', `/tasks/${large}/${completeOrReopen(n)}`],
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
  const { databaseUrl, superuserUrl } = await benchDatabase();
  const hash = await passwordHash();
  const proxy = await PostgresProxy.open(databaseUrl);
  const app = await createApp(
    loadConfig({
      ...{ DATABASE_URL: proxy.url, JWT_SECRET_KEY: 'x'.repeat(32), NODE_ENV: 'test' },
      ...{ RATE_LIMITS: 'off', LOG_LEVEL: 'error' },
    }),
  );
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const client = new Client({ connectionString: superuserUrl, options: startupOptions });
  await client.connect();

  const ids: Ids = { ...(await createUsers(client, hash, 'me', 1)), large: '' };
  const [token = ''] = await signIn(url, ['me1@example.com']);
  const headers = { authorization: `Bearer ${token}` };
  const measureAll = async () => {
    const results: Result[] = [];
    for (const [path] of calls) results.push(await measure(url, path, headers, ids, proxy, client));
    return results;
  };
  await measureAll(); // warm-up
  const asOnlyUser = await measureAll();
  await createUsers(client, hash, 'other', otherUsers);
  await measureAll(); // warm-up
  const amongOthers = await measureAll();
  ids.large = await createLargeGoal(client, ids.user);

  print([
    'call',
    'only user p50',
    `of ${(otherUsers + 1) * tasksPerUser} tasks p50`,
    'p95',
    'statements',
    'bound',
    'plan',
  ]);
  let [exceeded, sum] = [0, 0];
  for (const [index, [path, bound]] of calls.entries()) {
    const [{ median }, { median: medianAmongOthers, high, statements, plan }] = [
      asOnlyUser[index]!,
      amongOthers[index]!,
    ];
    const isOver = high > (bound?.request ?? Infinity) || statements > (bound?.statements ?? Infinity);
    if (isOver) exceeded++;
    sum += Math.log(medianAmongOthers / median);
    const boundText = bound ? `${isOver ? 'OVER ' : ''}${JSON.stringify(bound)}` : '';
    print([
      path,
      ...[median, medianAmongOthers, high, statements].map((ms) => ms.toFixed(1)),
      boundText,
      plan,
    ]);
  }
  for (const [name, bound, call] of writes) {
    const { median, high } = await timed((n) => {
      const [method, path, body] = call(n, ids);
      const type = body ? { 'content-type': 'application/json' } : undefined;
      return send(url, path, { method, headers: { ...headers, ...type }, body: JSON.stringify(body) });
    });
    if (high > bound) exceeded++;
    print([name, '', median.toFixed(1), high.toFixed(1), '', `${high > bound ? 'OVER ' : ''}${bound}`]);
  }
  const first = await timed(() => send(url, '/tasks?limit=20', { headers }));
  const path = await pathOfPage(url, headers, 400);
  const deep = await timed(() => send(url, path, { headers }));
  print([`page 400 compared with page 1: ${(deep.median / first.median).toFixed(2)}`]);
  print([
    `1,000,000 tasks compared with 10,000, geometric mean: ${Math.exp(sum / calls.length).toFixed(2)}; bounds exceeded: ${exceeded}`,
  ]);
  await client.end();
  await app.close();
  proxy.close();
  process.exit(0);
}

async function measure(
  url: string,
  path: string,
  headers: Record<string, string>,
  ids: Ids,
  proxy: PostgresProxy,
  client: Client,
): Promise<Result> {
  const pathWithIds = path.replace(/\{(\w+)\}/g, (_match, name: keyof Ids) => ids[name]);
  proxy.reset();
  await send(url, pathWithIds, { headers });
  const statements = proxy.statements.filter(({ text }) => /^\s*(SELECT|WITH)/.test(text));
  const timing = await timed(() => send(url, pathWithIds, { headers }));
  const plans: string[] = [];
  let statementTime = 0;
  for (const statement of statements) {
    const { time, nodes } = await explain(client, ids.user, statement);
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
  milliseconds.sort((a, b) => a - b);
  return { median: milliseconds[Math.floor(rounds / 2)]!, high: milliseconds[Math.floor(rounds * 0.95)]! };
}

/** @throws Error for a response without a success status */
async function send(url: string, path: string, init: RequestInit): Promise<string> {
  const response = await fetch(`${url}/api/v1${path}`, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${text}`);
  return text;
}

async function pathOfPage(url: string, headers: Record<string, string>, number: number): Promise<string> {
  let path = '/tasks?limit=20';
  for (let page = 1; page < number; page++) {
    const { next_cursor: cursor } = JSON.parse(await send(url, path, { headers })) as { next_cursor: string };
    path = `/tasks?limit=20&cursor=${cursor}`;
  }
  return path;
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

function print(cells: string[]): void {
  process.stdout.write(`${cells.join(' | ')}\n`);
}

void main();
