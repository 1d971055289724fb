import { randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import type { Client } from 'pg';
import { Passwords } from '../../src/auth/passwords';
import { SessionTokens } from '../../src/auth/session-tokens';
import { loadConfig } from '../../src/core/config';
import { onDatabase } from '../../test/setup/server';
import { jwtSecret } from './servers';

/*
 * The data of all benchmarks: ordinary users, in any number and size, and one with unusually large rows. Benchmarks of a
 * particular shape of data add it themselves, with `fill`.
 */

/** The password of every user. */
export const password = 'a cairn of many stones';

const config = loadConfig({ DATABASE_URL: 'postgres://localhost/bench', JWT_SECRET_KEY: jwtSecret });

/** Runs `work` as a superuser, without triggers, which would run for each row: it sets what they would set. */
export function fill<T>(superuserUrl: string, work: (client: Client) => Promise<T>): Promise<T> {
  return onDatabase(superuserUrl, async (client) => {
    await client.query('SET session_replication_role = replica');
    const result = await work(client);
    await client.query('VACUUM ANALYZE');
    return result;
  });
}

/** Creates users without any data. */
export async function addAccounts(client: Client, emails: string[]): Promise<void> {
  const hash = await new Passwords(config).hash(password);
  await client.query(
    `INSERT INTO users (id, email, password_hash, timezone) SELECT gen_random_uuid(), email, $2, 'Europe/Berlin' FROM unnest($1::text[]) email`,
    [emails, hash],
  );
}

/** The emails of users that were created by `addUsers`. */
export function emailsOf(name: string, users: number): string[] {
  return Array.from({ length: users }, (_, index) => `${name}${index + 1}@example.com`);
}

/** Tasks of one goal. */
const goalTasks = 50;

/**
 * Creates users, each with the same tasks of all kinds, goals, tags, dependencies, time entries and history. Each goal has
 * 50 tasks; goal 1 is above all others.
 * @param name the emails are name1@example.com, name2@example.com, …
 * @param tasks per user; a multiple of 50
 */
export async function addUsers(client: Client, name: string, users: number, tasks: number): Promise<void> {
  const emails = emailsOf(name, users);
  await addAccounts(client, emails);
  await client.query('CREATE TEMP TABLE bench_users (id uuid)');
  await client.query('INSERT INTO bench_users SELECT id FROM users WHERE email = ANY ($1)', [emails]);
  await client.query(`
    INSERT INTO goals (user_id, id, title, description, status, horizon, target_date, progress, progress_mode, created_at)
      SELECT bench_users.id, gen_random_uuid(), 'Goal ' || n.n, 'Description',
        (ARRAY['active', 'active', 'on_hold', 'cancelled'])[1 + n.n % 4], (ARRAY['yearly', 'quarterly', 'monthly', 'weekly', NULL])[1 + n.n % 5],
        CASE WHEN n.n % 3 > 0 THEN now() + (n.n - 50) * interval '1 day' END, n.n % 100, 'computed', now() - n.n * interval '1 hour'
      FROM bench_users, generate_series(1, ${tasks / goalTasks}) n (n);
    UPDATE goals g SET parent_goal_id = p.id FROM goals p, bench_users WHERE g.user_id = bench_users.id AND p.user_id = g.user_id
      AND p.title = 'Goal ' || (1 + substr(g.title, 6)::int / 4) AND substr(g.title, 6)::int > 1 AND g.id <> p.id;
    INSERT INTO tasks (user_id, id, goal_id, title, description, status, completed_at, priority, category, project_name, due_date,
        estimated_hours, actual_hours, tags, created_at, updated_at, deleted_at)
      SELECT g.user_id, gen_random_uuid(), g.id, 'Task ' || n, CASE WHEN n = 7 THEN 'Made of granite' ELSE 'Description of task ' || n END,
        generated.status, CASE WHEN generated.status = 'completed' THEN generated.created_at + interval '5 hours' END, 1 + n % 5, 'c' || n % 10,
        CASE WHEN n % 9 = 0 THEN 'Bridge' END, CASE WHEN n % 4 > 0 THEN generated.created_at + interval '20 days' END, 2, CASE WHEN n % 2 = 0 THEN 3 END,
        ARRAY['all', 't' || n % 20], generated.created_at, generated.created_at, CASE WHEN n = 9 THEN now() - n * interval '1 hour' END
      FROM goals g JOIN bench_users ON bench_users.id = g.user_id, generate_series(1, ${goalTasks}) n,
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
    DROP TABLE bench_users;
  `);
}

/** A user and ids of the user's rows. */
export interface User {
  email: string;
  user: string;
  /** A completed task with subtasks, dependencies and time entries. */
  task: string;
  /** A pending task. */
  pending: string;
  /** The goal of these tasks. */
  goal: string;
  /** The goal above all others. */
  root: string;
}

/** The users that `addUsers` has created with at least 250 tasks, in the order of their numbers. */
export async function findUsers(client: Client, name: string): Promise<User[]> {
  const { rows } = await client.query<User>(
    `SELECT u.email, u.id AS user, t.id AS task, p.id AS pending, g.id AS goal, r.id AS root FROM users u
       JOIN goals r ON r.user_id = u.id AND r.title = 'Goal 1'
       JOIN goals g ON g.user_id = u.id AND g.title = 'Goal 5'
       JOIN tasks t ON t.user_id = u.id AND t.goal_id = g.id AND t.title = 'Task 1'
       JOIN tasks p ON p.user_id = u.id AND p.goal_id = g.id AND p.title = 'Task 7'
     WHERE u.email ~ ('^' || $1 || '[0-9]+@') ORDER BY length(u.email), u.email`,
    [name],
  );
  return rows;
}

/** Creates a session for each user, without a sign-in for each. @returns access tokens, which are valid for 15 minutes */
export async function createSessions(superuserUrl: string, userIds: string[]): Promise<string[]> {
  const sessions = userIds.map((user) => ({ user_id: user, session_id: randomUUID() }));
  await onDatabase(superuserUrl, (client) =>
    client.query(
      `INSERT INTO sessions (user_id, id, expires_at)
         SELECT user_id, session_id, now() + interval '1 day' FROM json_to_recordset($1) AS sessions (user_id uuid, session_id uuid)`,
      [JSON.stringify(sessions)],
    ),
  );
  const tokens = new SessionTokens(new JwtService(), config);
  return sessions.map((session) => tokens.access(session));
}

/** Creates a goal with 10,000 tasks. @returns the id of one of the tasks */
export async function addLargeGoal(client: Client, user: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `WITH goal AS (INSERT INTO goals (user_id, id, title) VALUES ($1, gen_random_uuid(), 'Large') RETURNING user_id, id)
     INSERT INTO tasks (user_id, id, title, goal_id) SELECT user_id, gen_random_uuid(), 'Small', id FROM goal, generate_series(1, 10000)
     RETURNING id`,
    [user],
  );
  return rows[0]!.id;
}

const [heavyTasks, longTasks, largeChanges] = [100_000, 2000, 204];

/** Ids of the heavy user, of a task with a long history, and of a goal above all others. */
export type HeavyUser = Pick<User, 'user' | 'task' | 'goal'>;

/** Creates heavy@example.com, with 100,000 tasks, of which 2,000 have the longest texts. */
export async function addHeavyUser(client: Client): Promise<HeavyUser> {
  await addAccounts(client, ['heavy@example.com']);
  await client.query(`
    CREATE TEMP VIEW heavy AS SELECT id AS user_id FROM users WHERE email = 'heavy@example.com';
    INSERT INTO goals (user_id, id, title, created_at)
      SELECT user_id, gen_random_uuid(), 'Goal ' || n, now() - n * interval '1 hour' FROM heavy, generate_series(1, 2000) n;
    UPDATE goals g SET parent_goal_id = p.id FROM goals p, heavy
      WHERE g.user_id = heavy.user_id AND p.user_id = g.user_id AND p.title = 'Goal ' || substr(g.title, 6)::int / 4 AND g.title <> 'Goal 1';
    INSERT INTO tags (user_id, id, name) SELECT user_id, gen_random_uuid(), 't' || n FROM heavy, generate_series(1, 500) n;
    INSERT INTO tasks (user_id, id, goal_id, title, description, notes, category, due_date, created_at)
      SELECT g.user_id, gen_random_uuid(), g.id, 'Task ' || n, repeat(md5(n::text), CASE WHEN n <= ${longTasks} THEN 600 ELSE 6 END),
        CASE WHEN n <= ${longTasks} THEN repeat(md5(n::text), 600) END, CASE WHEN n <= ${longTasks} THEN 'long' ELSE 'c' || n % 10 END,
        now() + n * interval '1 minute', now() - n * interval '1 minute'
      FROM heavy, generate_series(1, ${heavyTasks}) n JOIN goals g ON g.title = 'Goal ' || 1 + n % 2000 WHERE g.user_id = heavy.user_id;
    INSERT INTO task_tags (user_id, task_id, tag_id) SELECT t.user_id, t.id, g.id
      FROM heavy JOIN tasks t USING (user_id) JOIN tags g ON g.user_id = t.user_id AND g.name = 't' || 1 + substr(t.title, 6)::int % 500;
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
      SELECT t.user_id, n, 'task', t.id, n, 'update', jsonb_build_object(
        'description', jsonb_build_object('old', repeat(md5(n::text), 600), 'new', repeat(md5((n + 1)::text), 600)),
        'notes', jsonb_build_object('old', repeat(md5(n::text), 600), 'new', repeat(md5((n + 1)::text), 600)))
      FROM heavy JOIN tasks t USING (user_id), generate_series(1, ${largeChanges}) n WHERE t.title = 'Task 1';
  `);
  const { rows } = await client.query<HeavyUser>(
    `SELECT t.user_id AS user, t.id AS task, g.id AS goal FROM heavy JOIN tasks t USING (user_id)
       JOIN goals g ON g.user_id = t.user_id AND g.title = 'Goal 1' WHERE t.title = 'Task 1'`,
  );
  return rows[0]!;
}
