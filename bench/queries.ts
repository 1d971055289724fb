import { Client } from 'pg';
import { createApp } from '../src/app';
import { loadConfig } from '../src/core/config';
import { serverSettings } from '../src/schema/data-source';
import { SentStatement, PostgresProxy } from '../test/setup/postgres-proxy';
import { benchDatabase, passwordHash, signIn } from './setup';

/*
 * Measures every list, search, summary and insight of a user with 10,000 tasks: alone in the database, then among
 * 1,000,000 tasks. Prints the time of the request, the time of its statements and their plan under the policies.
 */
const [tasksEach, otherUsers, repetitions] = [10_000, 99, 60];

/** Upper bounds in milliseconds at the 95th percentile, for the whole request or for its statements. */
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

/** Each call differs from the one before. The bound is for the whole request. */
const writes: [name: string, bound: number, call: (n: number, ids: Ids) => [string, string, object?]][] = [
  ['create a task', 15, (n) => ['POST', '/tasks', { title: `Task ${n}` }]],
  [
    'create a task under a goal',
    15,
    (n, { goal }) => ['POST', '/tasks', { title: `Task ${n}`, goal_id: goal }],
  ],
  ['update its title', 15, (n, { task }) => ['PATCH', `/tasks/${task}`, { title: `Task ${n}` }]],
  [
    'complete and reopen it, with three goals',
    15,
    (n, { task }) => ['POST', `/tasks/${task}/${completeOrReopen(n)}`],
  ],
  [
    'the same under a goal with 10,000 tasks',
    15,
    (n, { large }) => ['POST', `/tasks/${large}/${completeOrReopen(n)}`],
  ],
  [
    'trash and restore it',
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

type Ids = Record<'user' | 'task' | 'goal' | 'root' | 'large', string>;

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
  const client = new Client({ connectionString: superuserUrl, options: serverSettings });
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
  const alone = await measureAll();
  await createUsers(client, hash, 'other', otherUsers);
  await measureAll(); // warm-up
  const among = await measureAll();
  ids.large = await createLargeGoal(client, ids.user);

  print([
    'request',
    'alone p50',
    `among ${(otherUsers + 1) * tasksEach} p50`,
    'p95',
    'statements',
    'bound',
    'plan',
  ]);
  let [exceeded, sum] = [0, 0];
  for (const [index, [path, bound]] of calls.entries()) {
    const [{ median }, { median: later, high, statements, plan }] = [alone[index]!, among[index]!];
    const isOver = high > (bound?.request ?? Infinity) || statements > (bound?.statements ?? Infinity);
    if (isOver) exceeded++;
    sum += Math.log(later / median);
    const boundText = bound ? `${isOver ? 'OVER ' : ''}${JSON.stringify(bound)}` : '';
    print([path, ...[median, later, high, statements].map((ms) => ms.toFixed(1)), boundText, plan]);
  }
  for (const [name, bound, call] of writes) {
    const { median, high } = await timeRequests((n) => {
      const [method, path, body] = call(n, ids);
      const type = body ? { 'content-type': 'application/json' } : undefined;
      return send(url, path, { method, headers: { ...headers, ...type }, body: JSON.stringify(body) });
    });
    if (high > bound) exceeded++;
    print([name, '', median.toFixed(1), high.toFixed(1), '', `${high > bound ? 'OVER ' : ''}${bound}`]);
  }
  const first = await timeRequests(() => send(url, '/tasks?limit=20', { headers }));
  const page = await pageOf(url, headers, 400);
  const deep = await timeRequests(() => send(url, page, { headers }));
  print([`page 400 / page 1, of 20 tasks each: ${(deep.median / first.median).toFixed(2)}`]);
  print([
    `among all / alone, geometric mean: ${Math.exp(sum / calls.length).toFixed(2)}; above a bound: ${exceeded}`,
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
  const named = path.replace(/\{(\w+)\}/g, (_match, name: keyof Ids) => ids[name]);
  proxy.reset();
  await send(url, named, { headers });
  const statements = proxy.statements.filter(({ text }) => /^\s*(SELECT|WITH)/.test(text));
  const timing = await timeRequests(() => send(url, named, { headers }));
  const plans: string[] = [];
  let milliseconds = 0;
  for (const statement of statements) {
    const { time, nodes } = await explain(client, ids.user, statement);
    milliseconds += time;
    plans.push(nodes.join(' '));
  }
  return { ...timing, statements: milliseconds, plan: plans.join(' · ') };
}

/** Times sequential requests: milliseconds at the median and at the 95th percentile. */
async function timeRequests(request: (n: number) => Promise<string>) {
  const durations: number[] = [];
  for (let n = 0; n < repetitions; n++) {
    const start = performance.now();
    await request(n);
    durations.push(performance.now() - start);
  }
  durations.sort((a, b) => a - b);
  return {
    median: durations[Math.floor(repetitions / 2)]!,
    high: durations[Math.floor(repetitions * 0.95)]!,
  };
}

/** @throws Error for a response that is not successful */
async function send(url: string, path: string, init: RequestInit): Promise<string> {
  const response = await fetch(`${url}/api/v1${path}`, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${text}`);
  return text;
}

async function pageOf(url: string, headers: Record<string, string>, number: number): Promise<string> {
  let path = '/tasks?limit=20';
  for (let page = 1; page < number; page++) {
    const { next_cursor } = JSON.parse(await send(url, path, { headers })) as { next_cursor: string };
    path = `/tasks?limit=20&cursor=${next_cursor}`;
  }
  return path;
}

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Relation Name'?: string;
  Plans?: PlanNode[];
}

/** The execution time at the 95th percentile, and the indexes and sorts of the plan. */
async function explain(client: Client, user: string, { text, parameters }: SentStatement) {
  const durations: number[] = [];
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
    durations.push(plan['Execution Time']);
    nodes = [...new Set(flatten(plan.Plan).flatMap(describeNode))];
  }
  await client.query('ROLLBACK; DEALLOCATE explained');
  durations.sort((a, b) => a - b);
  return { time: durations[18]!, nodes };
}

function describeNode(node: PlanNode): string[] {
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

/**
 * Creates users with the same tasks, goals, tags, dependencies, time entries and history.
 * @returns the ids of the first user and some of its rows
 */
async function createUsers(
  client: Client,
  hash: string,
  name: string,
  users: number,
): Promise<Omit<Ids, 'large'>> {
  // Sets what triggers would compute row by row.
  await client.query(`
    SET session_replication_role = replica;
    CREATE TEMP TABLE new_users AS SELECT gen_random_uuid() AS id, n AS number FROM generate_series(1, ${users}) n;
    INSERT INTO users (id, email, password_hash, timezone)
      SELECT id, '${name}' || number || '@example.com', ${client.escapeLiteral(hash)}, 'Europe/Berlin' FROM new_users;
    INSERT INTO goals (user_id, id, title, description, status, horizon, target_date, progress, progress_mode, created_at)
      SELECT new_users.id, gen_random_uuid(), 'Goal ' || n.n, 'Description of the goal',
        (ARRAY['active', 'active', 'on_hold', 'cancelled'])[1 + n.n % 4], (ARRAY['yearly', 'quarterly', 'monthly', 'weekly', NULL])[1 + n.n % 5],
        CASE WHEN n.n % 3 > 0 THEN now() + (n.n - 50) * interval '1 day' END, n.n % 100, 'computed', now() - n.n * interval '1 hour'
      FROM new_users, generate_series(1, 200) n (n);
    UPDATE goals g SET parent_goal_id = p.id FROM goals p, new_users WHERE g.user_id = new_users.id AND p.user_id = g.user_id
      AND p.title = 'Goal ' || (1 + substr(g.title, 6)::int / 4) AND substr(g.title, 6)::int > 1 AND g.id <> p.id;
    INSERT INTO tasks (user_id, id, goal_id, title, description, status, completed_at, priority, category, project_name, due_date,
        estimated_hours, actual_hours, tags, created_at, updated_at, deleted_at)
      SELECT g.user_id, gen_random_uuid(), g.id, 'Task ' || n, CASE WHEN n = 7 THEN 'Made of granite' ELSE 'Description of task ' || n END,
        made.status, CASE WHEN made.status = 'completed' THEN moment + interval '5 hours' END, 1 + n % 5, 'c' || n % 10,
        CASE WHEN n % 9 = 0 THEN 'Bridge' END, CASE WHEN n % 4 > 0 THEN moment + interval '20 days' END, 2, CASE WHEN n % 2 = 0 THEN 3 END,
        ARRAY['all', 't' || n % 20], moment, moment, CASE WHEN n = 9 THEN now() - n * interval '1 hour' END
      FROM goals g JOIN new_users ON new_users.id = g.user_id, generate_series(1, ${tasksEach / 200}) n,
        LATERAL (SELECT (ARRAY['pending', 'completed', 'completed', 'in_progress', 'blocked', 'completed', 'cancelled'])[1 + n % 7] AS status,
          now() - (substr(g.title, 6)::int * 50 + n) * interval '55 minutes' AS moment) made;
    INSERT INTO tags (user_id, id, name) SELECT new_users.id, gen_random_uuid(), name
      FROM new_users, (SELECT 'all' AS name UNION ALL SELECT 't' || n FROM generate_series(0, 19) n) names;
    INSERT INTO task_tags (user_id, task_id, tag_id) SELECT t.user_id, t.id, g.id
      FROM tasks t JOIN new_users ON new_users.id = t.user_id JOIN tags g ON g.user_id = t.user_id AND g.name = ANY (t.tags);
    INSERT INTO task_dependencies (user_id, task_id, depends_on_id) SELECT t.user_id, t.id, o.id
      FROM tasks t JOIN new_users ON new_users.id = t.user_id JOIN tasks o ON o.user_id = t.user_id AND o.goal_id = t.goal_id
      WHERE t.title IN ('Task 4', 'Task 1', 'Task 11') AND o.title IN ('Task 3', 'Task 14');
    UPDATE tasks t SET parent_task_id = o.id FROM tasks o, new_users WHERE t.user_id = new_users.id AND o.user_id = t.user_id
      AND o.goal_id = t.goal_id AND o.title = 'Task 1' AND t.title IN ('Task 2', 'Task 5', 'Task 6');
    INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at) SELECT t.user_id, gen_random_uuid(), t.id, t.created_at, t.created_at + interval '1 hour'
      FROM tasks t JOIN new_users ON new_users.id = t.user_id WHERE t.title IN ('Task 1', 'Task 2');
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields, changed_at)
      SELECT t.user_id, row_number() OVER (PARTITION BY t.user_id ORDER BY t.created_at), 'task', t.id, 1, 'create',
        jsonb_build_object('title', jsonb_build_object('old', NULL, 'new', t.title)), t.created_at
      FROM tasks t JOIN new_users ON new_users.id = t.user_id;
    SET session_replication_role = origin;
  `);
  const { rows } = await client.query<Omit<Ids, 'large'>>(`
    SELECT t.user_id AS user, t.id AS task, t.goal_id AS goal, r.id AS root FROM new_users
      JOIN goals g ON g.user_id = new_users.id AND g.title = 'Goal 5' JOIN goals r ON r.user_id = new_users.id AND r.title = 'Goal 1'
      JOIN tasks t ON t.user_id = g.user_id AND t.goal_id = g.id AND t.title = 'Task 1' LIMIT 1`);
  await client.query('DROP TABLE new_users');
  await client.query('VACUUM ANALYZE');
  return rows[0]!;
}

/** Creates a goal with 10,000 tasks. @returns the id of one of them */
async function createLargeGoal(client: Client, user: string): Promise<string> {
  await client.query('SET session_replication_role = replica');
  const { rows } = await client.query<{ id: string }>(
    `WITH goal AS (INSERT INTO goals (user_id, id, title) VALUES ($1, gen_random_uuid(), 'Large') RETURNING user_id, id)
     INSERT INTO tasks (user_id, id, title, goal_id) SELECT user_id, gen_random_uuid(), 'Small', id FROM goal, generate_series(1, 10000)
     RETURNING id`,
    [user],
  );
  await client.query('SET session_replication_role = origin');
  await client.query('VACUUM ANALYZE');
  return rows[0]!.id;
}

void main();
