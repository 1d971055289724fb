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
 * Fills an empty database with believable data: a few users, dozens of goals, hundreds of tasks, with dates around
 * today. Does nothing where the demo user exists already. Each user's rows are written in that user's name.
 * @returns how to sign in
 */
export async function seed(database: Database, _args: string[], config: Config): Promise<string> {
  const login = `Sign in as demo@example.com (or demo) with the password: ${password}`;
  const [known = []] = await database.asAuthenticator(
    sql(`SELECT 1 FROM users WHERE lower(email) = 'demo@example.com'`, {}),
  );
  if (known.length) return `The demo data already exists. ${login}`;

  const password_hash = await new Passwords(config).hash(password);
  let [goalCount, taskCount] = [0, 0];
  for (const [index, user] of users.entries()) {
    const id = uuidv7();
    await database.asAuthenticator(insert('users', [{ ...user, id, password_hash }]));
    // Each user has fewer areas of life than the one before.
    const plans = areas.slice(0, areas.length - index).map((area) => plan(id, area));
    const all = <Kind extends keyof Plan>(kind: Kind) => plans.flatMap((one) => one[kind] as object[]);
    await database.actAs(id, async (run) => {
      for (const table of [
        'goals',
        'tasks',
        'tags',
        'task_tags',
        'task_dependencies',
        'time_entries',
      ] as const) {
        await run(insert(table, all(table)));
      }
    });
    goalCount += all('goals').length;
    taskCount += all('tasks').length;
  }
  return `Created ${users.length} users, ${goalCount} goals and ${taskCount} tasks. ${login}`;
}

function insert(table: string, rows: object[]): Statement {
  const columns = Object.keys(rows[0] ?? {}).join(', ');
  const text = `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, :rows)`;
  return sql(text, { rows: JSON.stringify(rows) });
}

/** The rows of one area of life, by their tables. */
interface Plan {
  goals: Row<Goal>[];
  tasks: Row<Task>[];
  tags: Row<Tag>[];
  task_tags: Row<TaskTag>[];
  task_dependencies: Row<TaskDependency>[];
  time_entries: Row<TimeEntry>[];
}

/**
 * One yearly goal with its quarterly parts, and for each part its tasks, one every three days: most of those that were
 * due are done, and took their time. Every fourth one cannot be done before the one before it.
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

/** @param due in so many days; negative: before today */
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
  // On time, or a day late.
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

/** The last hours before it was done. */
function timeEntry(
  { user_id, id, estimated_hours }: ReturnType<typeof taskRow>,
  ended_at: string,
): Row<TimeEntry> {
  const started_at = new Date(Date.parse(ended_at) - (estimated_hours + 0.5) * hour).toISOString();
  const times = { started_at, ended_at, created_at: ended_at, updated_at: ended_at };
  return { user_id, id: uuidv7(), task_id: id, ...times, version: 1 };
}

/** A time of day in working hours, so many days from now. */
function inDays(days: number): string {
  const midnight = Math.floor(Date.now() / day) * day;
  return new Date(midnight + days * day + (9 + (Math.abs(days) % 8)) * hour).toISOString();
}
