import type { Client } from 'pg';

export const tasksPerUser = 10_000;

/** The ids that replace placeholders such as `{task}` in paths. */
export type Ids = Record<'user' | 'task' | 'goal' | 'root' | 'large', string>;

/**
 * Creates users, each with the same tasks, goals, tags, dependencies, time entries and history.
 * @returns ids of the first user
 */
export async function createUsers(
  client: Client,
  hash: string,
  name: string,
  users: number,
): Promise<Omit<Ids, 'large'>> {
  // Without triggers, which would run for each row. These statements set what the triggers would set.
  await client.query(`
    SET session_replication_role = replica;
    CREATE TEMP TABLE bench_users AS SELECT gen_random_uuid() AS id, place FROM generate_series(1, ${users}) place;
    INSERT INTO users (id, email, password_hash, timezone)
      SELECT id, '${name}' || place || '@example.com', ${client.escapeLiteral(hash)}, 'Europe/Berlin' FROM bench_users;
    INSERT INTO goals (user_id, id, title, description, status, horizon, target_date, progress, progress_mode, created_at)
      SELECT bench_users.id, gen_random_uuid(), 'Goal ' || n.n, 'Description',
        (ARRAY['active', 'active', 'on_hold', 'cancelled'])[1 + n.n % 4], (ARRAY['yearly', 'quarterly', 'monthly', 'weekly', NULL])[1 + n.n % 5],
        CASE WHEN n.n % 3 > 0 THEN now() + (n.n - 50) * interval '1 day' END, n.n % 100, 'computed', now() - n.n * interval '1 hour'
      FROM bench_users, generate_series(1, 200) n (n);
    UPDATE goals g SET parent_goal_id = p.id FROM goals p, bench_users WHERE g.user_id = bench_users.id AND p.user_id = g.user_id
      AND p.title = 'Goal ' || (1 + substr(g.title, 6)::int / 4) AND substr(g.title, 6)::int > 1 AND g.id <> p.id;
    INSERT INTO tasks (user_id, id, goal_id, title, description, status, completed_at, priority, category, project_name, due_date,
        estimated_hours, actual_hours, tags, created_at, updated_at, deleted_at)
      SELECT g.user_id, gen_random_uuid(), g.id, 'Task ' || n, CASE WHEN n = 7 THEN 'Made of granite' ELSE 'Description of task ' || n END,
        generated.status, CASE WHEN generated.status = 'completed' THEN generated.created_at + interval '5 hours' END, 1 + n % 5, 'c' || n % 10,
        CASE WHEN n % 9 = 0 THEN 'Bridge' END, CASE WHEN n % 4 > 0 THEN generated.created_at + interval '20 days' END, 2, CASE WHEN n % 2 = 0 THEN 3 END,
        ARRAY['all', 't' || n % 20], generated.created_at, generated.created_at, CASE WHEN n = 9 THEN now() - n * interval '1 hour' END
      FROM goals g JOIN bench_users ON bench_users.id = g.user_id, generate_series(1, ${tasksPerUser / 200}) n,
        LATERAL (SELECT (ARRAY['pending', 'completed', 'completed', 'in_progress', 'blocked', 'completed', 'cancelled'])[1 + n % 7] AS status,
          now() - (substr(g.title, 6)::int * 50 + n) * interval '55 minutes' AS created_at) generated;
    INSERT INTO tags (user_id, id, name) SELECT bench_users.id, gen_random_uuid(), name
      FROM bench_users, (SELECT 'all' AS name UNION ALL SELECT 't' || n FROM generate_series(0, 19) n) names;
    INSERT INTO task_tags (user_id, task_id, tag_id) SELECT t.user_id, t.id, g.id
      FROM tasks t JOIN bench_users ON bench_users.id = t.user_id JOIN tags g ON g.user_id = t.user_id AND g.name = ANY (t.tags);
    INSERT INTO task_dependencies (user_id, task_id, depends_on_id) SELECT t.user_id, t.id, o.id
      FROM tasks t JOIN bench_users ON bench_users.id = t.user_id JOIN tasks o ON o.user_id = t.user_id AND o.goal_id = t.goal_id
      WHERE t.title IN ('Task 4', 'Task 1', 'Task 11') AND o.title IN ('Task 3', 'Task 14');
    UPDATE tasks t SET parent_task_id = o.id FROM tasks o, bench_users WHERE t.user_id = bench_users.id AND o.user_id = t.user_id
      AND o.goal_id = t.goal_id AND o.title = 'Task 1' AND t.title IN ('Task 2', 'Task 5', 'Task 6');
    INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at) SELECT t.user_id, gen_random_uuid(), t.id, t.created_at, t.created_at + interval '1 hour'
      FROM tasks t JOIN bench_users ON bench_users.id = t.user_id WHERE t.title IN ('Task 1', 'Task 2');
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields, changed_at)
      SELECT t.user_id, row_number() OVER (PARTITION BY t.user_id ORDER BY t.created_at), 'task', t.id, 1, 'create',
        jsonb_build_object('title', jsonb_build_object('old', NULL, 'new', t.title)), t.created_at
      FROM tasks t JOIN bench_users ON bench_users.id = t.user_id;
    SET session_replication_role = origin;
  `);
  const { rows } = await client.query<Omit<Ids, 'large'>>(`
    SELECT t.user_id AS user, t.id AS task, t.goal_id AS goal, r.id AS root FROM bench_users
      JOIN goals g ON g.user_id = bench_users.id AND g.title = 'Goal 5' JOIN goals r ON r.user_id = bench_users.id AND r.title = 'Goal 1'
      JOIN tasks t ON t.user_id = g.user_id AND t.goal_id = g.id AND t.title = 'Task 1' LIMIT 1`);
  await client.query('DROP TABLE bench_users');
  await client.query('VACUUM ANALYZE');
  return rows[0]!;
}

/** Creates a goal with 10,000 tasks. @returns the id of one of the tasks */
export async function createLargeGoal(client: Client, user: string): Promise<string> {
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
