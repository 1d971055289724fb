import { v7 as uuidv7 } from 'uuid';
import { Passwords } from '../auth/passwords';
import type { Config } from '../config';
import type { Database } from '../database/database';
import { sql, Statement } from '../database/statement';
import type { Goal } from '../goals/goal.entity';
import type { Task } from '../tasks/task.entity';
import { areas, users } from './seed-data';

const password = 'a cairn of many stones';
const [hour, day] = [3_600_000, 86_400_000];

type Row<Entity> = Partial<Record<keyof Entity, unknown>>;

/**
 * Fills an empty database with believable data: a few users, dozens of goals, hundreds of tasks, with dates around
 * today. Does nothing where the demo user exists already. Each user's rows are written in that user's name.
 * @returns how to sign in
 */
export async function seed(database: Database, _args: string[], config: Config): Promise<string> {
  const login = `Sign in as demo@example.com (or demo) with the password: ${password}`;
  const [known = []] = await database.asAuthenticator(
    sql(`SELECT 1 FROM users WHERE lower(email) = 'demo@example.com'`, {}),
  );
  if (known.length) return `The demo data is there already. ${login}`;

  const password_hash = await new Passwords(config).hash(password);
  let [goalCount, taskCount] = [0, 0];
  for (const [index, user] of users.entries()) {
    const id = uuidv7();
    await database.asAuthenticator(insert('users', [{ ...user, id, password_hash }]));
    const goals: Row<Goal>[] = [];
    const tasks: Row<Task>[] = [];
    // Each user has fewer areas of life than the one before.
    for (const area of areas.slice(0, areas.length - index)) plan(id, area, goals, tasks);
    await database.actAs(id, async (run) => {
      await run(insert('goals', goals));
      await run(insert('tasks', tasks));
    });
    goalCount += goals.length;
    taskCount += tasks.length;
  }
  return `Made ${users.length} users, ${goalCount} goals and ${taskCount} tasks. ${login}`;
}

function insert(table: string, rows: object[]): Statement {
  const columns = Object.keys(rows[0] ?? {}).join(', ');
  const text = `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, :rows)`;
  return sql(text, { rows: JSON.stringify(rows) });
}

/** One yearly goal with its quarterly parts, and for each part its tasks, some of them done. */
function plan(user_id: string, area: (typeof areas)[number], goals: Row<Goal>[], tasks: Row<Task>[]): void {
  const yearly = goalRow(user_id, area.goal, 'yearly', 300);
  goals.push({
    ...yearly,
    success_criteria: area.success,
    metrics: area.metrics,
    project_name: area.project,
  });
  area.parts.forEach((part, partIndex) => {
    const goal = goalRow(user_id, part.goal, 'quarterly', 60 * (partIndex + 1) - 30);
    goals.push({ ...goal, parent_goal_id: yearly.id, project_name: area.project });
    part.tasks.forEach((title, taskIndex) => {
      const age = 40 - 10 * partIndex - 3 * taskIndex;
      tasks.push(taskRow(user_id, goal.id, title, age, taskIndex + partIndex, area));
    });
  });
}

function goalRow(user_id: string, title: string, horizon: Goal['horizon'], targetInDays: number) {
  return {
    ...{
      user_id,
      id: uuidv7(),
      parent_goal_id: null,
      title,
      horizon,
      status: 'active',
      target_date: inDays(targetInDays),
    },
    ...{
      success_criteria: null as string | null,
      metrics: null as object | null,
      project_name: null as string | null,
    },
    ...{ created_at: inDays(-60), updated_at: inDays(-10), version: 1 },
  };
}

function taskRow(
  user_id: string,
  goal_id: string,
  title: string,
  age: number,
  turn: number,
  area: (typeof areas)[number],
) {
  const status =
    age > 20
      ? 'completed'
      : (['in_progress', 'pending', 'pending', 'blocked', 'pending'] as const)[turn % 5]!;
  const completed_at = status === 'completed' ? inDays(-age + 5) : null;
  const estimated_hours = 1 + (turn % 4) * 1.5;
  return {
    ...{ user_id, id: uuidv7(), goal_id, title, status, completed_at, estimated_hours },
    priority: 1 + ((turn * 2) % 5),
    category: area.category,
    project_name: area.project,
    notes: status === 'blocked' ? '[BLOCKED] waiting for an answer' : null,
    due_date: turn % 4 === 3 ? null : inDays(25 - age),
    actual_hours: status === 'completed' ? estimated_hours + 0.5 : null,
    ...{ created_at: inDays(-Math.max(age, 1)), updated_at: completed_at ?? inDays(-1), version: 1 },
  };
}

/** A time of day in working hours, so many days from now. */
function inDays(days: number): string {
  const midnight = Math.floor(Date.now() / day) * day;
  return new Date(midnight + days * day + (9 + (Math.abs(days) % 8)) * hour).toISOString();
}
