import { v7 as uuidv7 } from 'uuid';
import { Passwords } from '../auth/passwords';
import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { sql, Statement } from '../database/statement';
import type { Goal } from '../goals/goal.entity';
import type { TaskTag } from '../tasks/task-tag.entity';
import type { Tag } from '../tags/tag.entity';
import type { TaskDependency } from '../tasks/task-dependency.entity';
import type { Task } from '../tasks/task.entity';
import type { TimeEntry } from '../time-entries/time-entry.entity';
import { areas, users } from './seed-data';

const password = 'a cairn of many stones';
const [hour, day] = [3_600_000, 86_400_000];

type Row<Entity> = Partial<Record<keyof Entity, unknown>>;

/**
 * Fills a database with demo data: a few users, dozens of goals and hundreds of tasks, with dates around today. Does
 * nothing if the demo user exists. The rows of each user are written on behalf of that user.
 * @returns a message for the operator, with the demo login
 */
export async function seed(database: Database, _args: string[], config: Config): Promise<string> {
  const login = `Sign in as demo@example.com (or demo) with the password: ${password}`;
  const find = sql(`SELECT id FROM users WHERE lower(email) = 'demo@example.com'`);
  const { existing } = await database.asAuthenticator({ existing: find });
  if (existing.length) return `The demo data already exists. ${login}`;

  const passwordHash = await new Passwords(config).hash(password);
  let [goalCount, taskCount] = [0, 0];
  for (const [index, user] of users.entries()) {
    const id = uuidv7();
    await database.asAuthenticator({
      inserted: insert('users', [{ ...user, id, password_hash: passwordHash }]),
    });
    // Each user has one area less than the one before.
    const plans = areas.slice(0, areas.length - index).map((area) => plan(id, area));
    const rowsOf = <Kind extends keyof Plan>(kind: Kind) => plans.flatMap((one) => one[kind] as object[]);
    await database.actAs(id, async () => {
      for (const table of [
        'goals',
        'tasks',
        'tags',
        'task_tags',
        'task_dependencies',
        'time_entries',
      ] as const) {
        await database.write({ inserted: insert(table, rowsOf(table)) });
      }
    });
    goalCount += rowsOf('goals').length;
    taskCount += rowsOf('tasks').length;
  }
  return `Created ${users.length} users, ${goalCount} goals and ${taskCount} tasks. ${login}`;
}

function insert(table: string, rows: object[]): Statement {
  const columns = Object.keys(rows[0] ?? {}).join(', ');
  const text = `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, :rows)`;
  return sql(text, { rows: JSON.stringify(rows) });
}

/** The rows of one area, by table. */
interface Plan {
  goals: Row<Goal>[];
  tasks: Row<Task>[];
  tags: Row<Tag>[];
  task_tags: Row<TaskTag>[];
  task_dependencies: Row<TaskDependency>[];
  time_entries: Row<TimeEntry>[];
}

/**
 * One yearly goal with quarterly subgoals, and for each of these its tasks, one every three days. Most tasks that were due
 * are completed and have a time entry. Every fourth task depends on the one before it.
 */
function plan(user_id: string, area: (typeof areas)[number]): Plan {
  const yearly = {
    ...goalRow(user_id, area.goal, 'yearly', 300, area.project),
    success_criteria: area.success,
  };
  const tag = {
    user_id,
    id: uuidv7(),
    name: area.category,
    created_at: inDays(-60),
    updated_at: inDays(-60),
    version: 1,
  };
  const rows: Plan = {
    goals: [{ ...yearly, metrics: area.metrics }],
    tasks: [],
    tags: [tag],
    task_tags: [],
    task_dependencies: [],
    time_entries: [],
  };
  area.parts.forEach((part, partIndex) => {
    const goal = goalRow(user_id, part.goal, 'quarterly', [30, 90, 25][partIndex % 3]!, area.project);
    rows.goals.push({ ...goal, parent_goal_id: yearly.id });
    part.tasks.forEach((title, taskIndex) => {
      const before = rows.tasks.at(-1);
      const task = taskRow(
        user_id,
        goal.id,
        title,
        12 * partIndex - 24 + 3 * taskIndex,
        partIndex + taskIndex,
        area,
      );
      rows.tasks.push(task);
      rows.task_tags.push({ user_id, task_id: task.id, tag_id: tag.id });
      if (taskIndex % 4 === 3) {
        rows.task_dependencies.push({ user_id, task_id: task.id, depends_on_id: before!.id });
      }
      if (task.completed_at) rows.time_entries.push(timeEntry(task, task.completed_at));
    });
  });
  return rows;
}

function goalRow(
  user_id: string,
  title: string,
  horizon: Goal['horizon'],
  targetInDays: number,
  project_name: string,
) {
  return {
    ...{ user_id, id: uuidv7(), parent_goal_id: null as string | null, title, horizon, status: 'active' },
    ...{ target_date: inDays(targetInDays), project_name, progress_mode: 'computed' },
    ...{ success_criteria: null as string | null, metrics: null as object | null },
    ...{ created_at: inDays(-60), updated_at: inDays(-10), version: 1 },
  };
}

/** @param due days from today; negative for the past */
function taskRow(
  user_id: string,
  goal_id: string,
  title: string,
  due: number,
  turn: number,
  area: (typeof areas)[number],
) {
  const isDone = due < -1 && turn % 7 !== 4;
  const open = (['in_progress', 'pending', 'pending', 'blocked', 'pending'] as const)[turn % 5]!;
  const status = isDone ? 'completed' : open;
  // On time, or one day late.
  const completed_at = isDone ? inDays(Math.min(due + (turn % 3), -1) - 1) : null;
  return {
    ...{ user_id, id: uuidv7(), goal_id, title, status, completed_at, estimated_hours: 1 + (turn % 4) * 1.5 },
    ...{ priority: 1 + ((turn * 2) % 5), category: area.category, project_name: area.project },
    tags: [area.category],
    notes: status === 'blocked' ? '[BLOCKED] Waiting for a reply.' : null,
    due_date: turn % 6 === 5 ? null : inDays(due),
    ...{ created_at: inDays(Math.min(due, 0) - 20), updated_at: completed_at ?? inDays(-1), version: 1 },
  };
}

/** The hours before the completion. */
function timeEntry(
  { user_id, id, estimated_hours }: ReturnType<typeof taskRow>,
  ended_at: string,
): Row<TimeEntry> {
  const started_at = new Date(Date.parse(ended_at) - (estimated_hours + 0.5) * hour).toISOString();
  const times = { started_at, ended_at, created_at: ended_at, updated_at: ended_at };
  return { user_id, id: uuidv7(), task_id: id, ...times, version: 1 };
}

/** A timestamp in working hours, that many days from today. */
function inDays(days: number): string {
  const midnight = Math.floor(Date.now() / day) * day;
  return new Date(midnight + days * day + (9 + (Math.abs(days) % 8)) * hour).toISOString();
}
