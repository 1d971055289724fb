import type { Client } from 'pg';
import { passwordHash } from './setup';

const [heavyTasks, longTasks, largeChanges] = [100_000, 2000, 204];

/** Ids of the heavy user, of a task with a long history, and of a goal above all others. */
export interface HeavyIds {
  user: string;
  task: string;
  goal: string;
}

/**
 * Creates heavy@example.com and users other1@example.com, other2@example.com, … with 1,000 tasks each.
 * @param others the number of other users
 */
export async function createHeavyUser(client: Client, others: number): Promise<HeavyIds> {
  const hash = client.escapeLiteral(await passwordHash());
  // Without triggers, which would run for each row.
  await client.query(`
    SET session_replication_role = replica;
    INSERT INTO users (id, email, password_hash) SELECT gen_random_uuid(), email, ${hash}
      FROM (SELECT 'heavy@example.com' AS email UNION ALL SELECT 'other' || n || '@example.com' FROM generate_series(1, ${others}) n) emails;
    CREATE TEMP VIEW heavy AS SELECT id AS user_id FROM users WHERE email = 'heavy@example.com';
    INSERT INTO goals (user_id, id, title, created_at)
      SELECT user_id, gen_random_uuid(), 'Goal ' || n, now() - n * interval '1 hour' FROM heavy, generate_series(1, 2000) n;
    UPDATE goals g SET parent_goal_id = p.id FROM goals p
      WHERE p.user_id = g.user_id AND p.title = 'Goal ' || substr(g.title, 6)::int / 4 AND g.title <> 'Goal 1';
    INSERT INTO tags (user_id, id, name) SELECT user_id, gen_random_uuid(), 't' || n FROM heavy, generate_series(1, 500) n;
    INSERT INTO tasks (user_id, id, goal_id, title, description, notes, category, due_date, created_at)
      SELECT g.user_id, gen_random_uuid(), g.id, 'Task ' || n, repeat(md5(n::text), CASE WHEN n <= ${longTasks} THEN 600 ELSE 6 END),
        CASE WHEN n <= ${longTasks} THEN repeat(md5(n::text), 600) END, CASE WHEN n <= ${longTasks} THEN 'long' ELSE 'c' || n % 10 END,
        now() + n * interval '1 minute', now() - n * interval '1 minute'
      FROM generate_series(1, ${heavyTasks}) n JOIN goals g ON g.title = 'Goal ' || 1 + n % 2000;
    INSERT INTO task_tags (user_id, task_id, tag_id) SELECT t.user_id, t.id, g.id
      FROM tasks t JOIN tags g ON g.user_id = t.user_id AND g.name = 't' || 1 + substr(t.title, 6)::int % 500;
    INSERT INTO changes (user_id, id, entity, entity_id, version, operation, fields)
      SELECT t.user_id, n, 'task', t.id, n, 'update', jsonb_build_object(
        'description', jsonb_build_object('old', repeat(md5(n::text), 600), 'new', repeat(md5((n + 1)::text), 600)),
        'notes', jsonb_build_object('old', repeat(md5(n::text), 600), 'new', repeat(md5((n + 1)::text), 600)))
      FROM tasks t, generate_series(1, ${largeChanges}) n WHERE t.title = 'Task 1';
    INSERT INTO tasks (user_id, id, title, description, created_at)
      SELECT u.id, gen_random_uuid(), 'Task ' || n, 'Description of task ' || n, now() - n * interval '1 minute'
      FROM users u, generate_series(1, 1000) n WHERE u.email LIKE 'other%';
    SET session_replication_role = origin`);
  await client.query('VACUUM ANALYZE');
  const { rows } = await client.query<HeavyIds>(
    `SELECT t.user_id AS user, t.id AS task, g.id AS goal FROM heavy JOIN tasks t USING (user_id)
       JOIN goals g ON g.user_id = t.user_id AND g.title = 'Goal 1' WHERE t.title = 'Task 1'`,
  );
  return rows[0]!;
}
