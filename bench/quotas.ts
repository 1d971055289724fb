import type { Client } from 'pg';
import { call } from './harness/api';
import { addAccounts, createSessions, fill } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { Server } from './harness/servers';

/*
 * The operations whose work grows with the data of one user, each for a user with as many rows as the quotas allow:
 * npm run bench:quotas -- [tasks] [goals] [depth of goals] [tasks of one goal and subtasks of one task]
 */
const [tasks = 100_000, goals = 10_000, depth = 20, group = 10_000] = process.argv.slice(2).map(Number);

/** The users. Each has one shape of data, in which nothing else is large. */
const users = [
  'tag',
  'merge',
  'untag',
  'goal',
  'unlink',
  'trash',
  'subtasks',
  'chain',
  'wide',
  'dependencies',
  'all',
];

type Ids = Record<string, string>;

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase();
  const { ids, userIds } = await fill(superuserUrl, addData);
  const server = await Server.start('cairn', databaseUrl);
  const tokens = await createSessions(
    superuserUrl,
    users.map((user) => userIds[user]!),
  );
  const measure = async (user: string, method: string, path: string, body?: object) => {
    const text = path.replace(/\{(\w+)\}/g, (_match, name: string) => ids[name]!);
    const start = performance.now();
    const response = await call(server.url, tokens[users.indexOf(user)], method, text, body);
    const length = (await response.arrayBuffer()).byteLength;
    const milliseconds = (performance.now() - start).toFixed(0);
    print(`${user}: ${method} ${path}`, response.status, `${milliseconds} ms`, `${length} B`);
  };
  await measure('tag', 'GET', '/tasks?limit=1');
  await measure('tag', 'PATCH', '/tags/{tag}', { name: 'renamed' });
  await measure('merge', 'PATCH', '/tags/{merge}', { name: 'other' });
  await measure('untag', 'DELETE', '/tags/{untag}');
  await measure('goal', 'POST', '/tasks/{goal_task}/complete');
  await measure('goal', 'POST', '/tasks/{goal_task}/reopen');
  await measure('unlink', 'DELETE', '/goals/{unlink}');
  await measure('trash', 'DELETE', '/goals/{trash}?tasks=trash');
  await measure('subtasks', 'DELETE', '/tasks/{subtasks}');
  await measure('subtasks', 'POST', '/tasks/{subtasks}/restore');
  await measure('subtasks', 'DELETE', '/tasks/{subtasks}?permanent=true');
  for (const action of ['complete', 'reopen', 'complete', 'reopen'])
    await measure('chain', 'POST', `/tasks/{chain_task}/${action}`);
  await measure('chain', 'PATCH', '/goals/{chain_last}', { parent_goal_id: ids.chain_first });
  await measure('wide', 'GET', '/goals/{wide}/breakdown');
  await measure('wide', 'GET', '/goals/{wide}/breakdown');
  await measure('wide', 'PATCH', '/goals/{wide_child}', { parent_goal_id: null });
  await measure('wide', 'PATCH', '/goals/{wide_child}', { parent_goal_id: ids.wide });
  await measure('wide', 'DELETE', '/goals/{wide}');
  await measure('dependencies', 'PUT', '/tasks/{dependencies_last}/dependencies/{dependencies_first}');
  await measure('dependencies', 'PUT', '/tasks/{dependencies_first}/dependencies/{dependencies_free}');
  await measure('dependencies', 'GET', '/tasks?is_blocked=true');
  await measure('dependencies', 'POST', '/tasks/{dependencies_last}/complete');
  for (let round = 0; round < 2; round++) {
    for (const path of ['/tasks/summary', '/goals/summary', '/dashboard', '/tags?limit=200', '/calendar.ics'])
      await measure('all', 'GET', path);
    for (const path of ['tasks', 'goals', 'velocity', 'trends'])
      await measure('all', 'GET', `/analytics/${path}?days=365`);
    await measure('all', 'GET', '/users/me/export');
  }
  finish();
}

async function addData(client: Client): Promise<{ ids: Ids; userIds: Ids }> {
  const ids: Ids = {};
  await addAccounts(
    client,
    users.map((user) => `${user}@example.com`),
  );
  const { rows } = await client.query<{ email: string; id: string }>(
    `SELECT split_part(email, '@', 1) AS email, id FROM users`,
  );
  const userIds: Ids = Object.fromEntries(rows.map(({ email, id }) => [email, id]));
  const one = async (text: string, user: string) => {
    const { rows: found } = await client.query<{ id: string }>(text, [userIds[user]]);
    return found[0]!.id;
  };
  const insertTasks = `INSERT INTO tasks (user_id, id, title, description, due_date, created_at, goal_id, parent_task_id, tags)
    SELECT $1::uuid, gen_random_uuid(), 'Task ' || n, 'Description of task ' || n,
      CASE WHEN n % 2 = 0 THEN now() + n * interval '1 minute' END, now() - n * interval '1 minute'`;
  const series = `FROM generate_series(1, ${tasks}) n`;
  const groupSeries = `FROM generate_series(1, ${group}) n`;

  for (const user of ['tag', 'merge', 'untag', 'all']) {
    await client.query(`${insertTasks}, NULL, NULL, '{common,t1,t2}' ${series}`, [userIds[user]]);
    ids[user] = await one(
      `INSERT INTO tags (user_id, id, name) VALUES ($1, gen_random_uuid(), 'common') RETURNING id`,
      user,
    );
    await client.query(
      `INSERT INTO tags (user_id, id, name) SELECT $1, gen_random_uuid(), name FROM unnest('{t1,t2,other}'::text[]) name`,
      [userIds[user]],
    );
    await client.query(
      `INSERT INTO task_tags (user_id, task_id, tag_id) SELECT t.user_id, t.id, g.id FROM tasks t JOIN tags g
         ON g.user_id = t.user_id AND g.name = ANY (t.tags) WHERE t.user_id = $1`,
      [userIds[user]],
    );
  }
  await client.query(
    `INSERT INTO tags (user_id, id, name) SELECT $1, gen_random_uuid(), 'n' || n FROM generate_series(5, 2000) n`,
    [userIds.all],
  );
  await client.query(
    `INSERT INTO goals (user_id, id, title) SELECT $1, gen_random_uuid(), 'Goal ' || n FROM generate_series(1, ${goals}) n`,
    [userIds.all],
  );
  const newGoal = (title: string) =>
    `INSERT INTO goals (user_id, id, title, progress) VALUES ($1, gen_random_uuid(), '${title}', 0) RETURNING id`;
  for (const user of ['goal', 'unlink', 'trash']) {
    ids[user] = await one(newGoal(user), user);
    await client.query(`${insertTasks}, '${ids[user]}', NULL, '{}' ${groupSeries}`, [userIds[user]]);
  }
  ids.goal_task = await one(`SELECT id FROM tasks WHERE user_id = $1 LIMIT 1`, 'goal');
  ids.subtasks = await one(
    `INSERT INTO tasks (user_id, id, title) VALUES ($1, gen_random_uuid(), 'Parent') RETURNING id`,
    'subtasks',
  );
  await client.query(`${insertTasks}, NULL, '${ids.subtasks}', '{}' ${groupSeries}`, [userIds.subtasks]);

  ids.chain_first = ids.chain_last = await one(newGoal('First'), 'chain');
  await client.query(
    `INSERT INTO goals (user_id, id, title, progress) SELECT $1, gen_random_uuid(), 'Goal ' || n, 0 FROM generate_series(2, ${depth}) n`,
    [userIds.chain],
  );
  await client.query(
    `UPDATE goals g SET parent_goal_id = p.id FROM goals p WHERE g.user_id = $1 AND p.user_id = g.user_id
       AND p.title = CASE g.title WHEN 'Goal 2' THEN 'First' ELSE 'Goal ' || substr(g.title, 6)::int - 1 END AND g.title <> 'First'`,
    [userIds.chain],
  );
  ids.chain_last = await one(`SELECT id FROM goals WHERE user_id = $1 AND title = 'Goal ${depth}'`, 'chain');
  ids.chain_task = await one(
    `INSERT INTO tasks (user_id, id, title, goal_id) VALUES ($1, gen_random_uuid(), 'Last', '${ids.chain_last}') RETURNING id`,
    'chain',
  );

  ids.wide = await one(newGoal('Wide'), 'wide');
  await client.query(
    `INSERT INTO goals (user_id, id, title, progress, parent_goal_id)
       SELECT $1, gen_random_uuid(), 'Goal ' || n, n % 100, '${ids.wide}' FROM generate_series(2, ${goals}) n`,
    [userIds.wide],
  );
  await client.query('ANALYZE');
  await client.query(
    `${insertTasks}, g.id, NULL, '{}' FROM generate_series(1, ${tasks}) n JOIN goals g ON g.user_id = $1 AND g.title = 'Goal ' || 2 + n % ${goals - 1}`,
    [userIds.wide],
  );
  ids.wide_child = await one(`SELECT id FROM goals WHERE user_id = $1 AND title = 'Goal 2'`, 'wide');

  await client.query(`${insertTasks}, NULL, NULL, '{}' ${series}`, [userIds.dependencies]);
  await client.query('ANALYZE');
  // Each task depends on the next one, so that the check of the last walks all of them.
  await client.query('SET enable_nestloop = off');
  await client.query(
    `WITH numbered AS (SELECT id, substr(title, 6)::int AS n FROM tasks WHERE user_id = $1)
     INSERT INTO task_dependencies (user_id, task_id, depends_on_id)
       SELECT $1, a.id, b.id FROM numbered a JOIN numbered b ON b.n = a.n + 1`,
    [userIds.dependencies],
  );
  await client.query('SET enable_nestloop = on');
  const numbered = (n: number) =>
    one(`SELECT id FROM tasks WHERE user_id = $1 AND title = 'Task ${n}'`, 'dependencies');
  [ids.dependencies_first, ids.dependencies_last] = [await numbered(1), await numbered(tasks)];
  await client.query(`INSERT INTO tasks (user_id, id, title) VALUES ($1, gen_random_uuid(), 'Free')`, [
    userIds.dependencies,
  ]);
  ids.dependencies_free = await one(
    `SELECT id FROM tasks WHERE user_id = $1 AND title = 'Free'`,
    'dependencies',
  );
  await client.query(
    `INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
       SELECT user_id, row_number() OVER (PARTITION BY user_id ORDER BY created_at), 'task', id, 1, 'create',
         jsonb_build_object('title', jsonb_build_object('old', NULL, 'new', title)) FROM tasks`,
  );
  return { ids, userIds };
}

void main();
