import { v7 as uuidv7 } from 'uuid';
import { demoId, demoTokens } from '../core/demo-data';
import { newSecret, secretHash } from '../core/secrets';
import { Passwords } from '../auth/passwords';
import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { insertRows } from '../database/insert-rows';
import { sql } from '../database/statement';
import type { Goal } from '../goals/goal.entity';
import type { TaskTag } from '../tasks/task-tag.entity';
import type { Tag } from '../tags/tag.entity';
import type { TaskDependency } from '../tasks/task-dependency.entity';
import type { Task } from '../tasks/task.entity';
import type { TimeEntry } from '../time-entries/time-entry.entity';
import { areas, closedUser, users } from './seed-data';

const password = 'a cairn of many stones';
const [hour, day] = [3_600_000, 86_400_000];

type Row<Entity> = Partial<Record<keyof Entity, unknown>>;

/**
 * Fills a database with demo data: a few users, dozens of goals and hundreds of tasks, with dates around today. Does
 * nothing if the demo user exists. The rows of each user are written as that user.
 * @returns a message for the operator, with the demo login
 */
export async function seed(database: Database, config: Config): Promise<string> {
  const login = `Sign in as demo@example.com (or demo) with the password: ${password}`;
  const findDemoUser = sql(`SELECT id FROM users WHERE lower(email) = 'demo@example.com'`);
  const { existing } = await database.asAuthenticator({ existing: findDemoUser });
  if (existing.length) return `The demo data already exists. ${login}`;

  const passwordHash = await new Passwords(config).hash(password);
  let [goalCount, taskCount] = [0, 0];
  const accounts = [...users, closedUser].map((user) => ({ ...user, password_hash: passwordHash }));
  for (const account of accounts)
    await database.asAuthenticator({ inserted: insertRows('users', [account]) });
  for (const [index, { id }] of users.entries()) {
    // Each user has one area less than the previous one.
    const plans = areas.slice(0, areas.length - index).map((area) => plan(id, area));
    const newIds = index === 0 ? demoIds(plans) : new Map<unknown, string>();
    const rowsOf = <Kind extends keyof Plan>(kind: Kind) =>
      plans.flatMap((rows) => (rows[kind] as object[]).map((row) => withIds(row, newIds)));
    await database.actAs(id, async () => {
      for (const table of [
        'goals',
        'tasks',
        'tags',
        'task_tags',
        'task_dependencies',
        'time_entries',
      ] as const) {
        await database.write({ inserted: insertRows(table, rowsOf(table)) });
      }
    });
    goalCount += rowsOf('goals').length;
    taskCount += rowsOf('tasks').length;
  }
  await seedAccess(database);
  return `Created ${users.length} users, ${goalCount} goals and ${taskCount} tasks. ${login}`;
}

/** Adds what the examples of the OpenAPI document need besides goals and tasks: sessions, tokens and a superuser. */
async function seedAccess(database: Database): Promise<void> {
  const [demo, maker, student] = users.map(({ id }) => id);
  const expiresAt = inDays(365);
  const session = {
    user_id: demo,
    id: demoId('sessions', 2),
    user_agent: 'Another device',
    expires_at: expiresAt,
  };
  const tokens = [
    { user_id: maker, purpose: 'reset_password', email: 'maker@example.com' },
    { user_id: student, purpose: 'verify_email', email: 'student@example.com' },
    { user_id: closedUser.id, purpose: 'reopen_account', email: closedUser.email },
  ] as const;
  const mailedTokens = tokens.map((token) => ({
    ...token,
    token_hash: bytea(secretHash(demoTokens[token.purpose])),
    expires_at: expiresAt,
  }));
  const closeSql =
    'UPDATE users SET is_active = false, can_reactivate = true, deletion_at = :time WHERE id = :id';
  await database.asAuthenticator({
    sessions: insertRows('sessions', [session]),
    tokens: insertRows('one_time_tokens', mailedTokens),
    closed: sql(closeSql, { id: closedUser.id, time: expiresAt }),
  });
  await database.asOperator({
    promoted: sql('UPDATE users SET is_superuser = true WHERE id = :id', { id: demo }),
  });
  const personalToken = {
    user_id: demo,
    id: demoId('tokens', 2),
    name: 'Backup script',
    scopes: ['read'],
    token_hash: bytea(secretHash(newSecret())),
    expires_at: expiresAt,
  };
  await database.actAs(demo!, async () => {
    await database.write({ inserted: insertRows('personal_tokens', [personalToken]) });
  });
}

/** The ids of the rows that the OpenAPI document names, by the ids that they replace. */
function demoIds(plans: Plan[]): Map<unknown, string> {
  const [tasks, goals, tags] = [
    plans.flatMap((rows) => rows.tasks),
    plans.flatMap((rows) => rows.goals),
    plans.flatMap((rows) => rows.tags),
  ];
  const ids = new Map<unknown, string>();
  const name = (row: { id?: unknown } | undefined, collection: string, number: 1 | 2) =>
    ids.set(row!.id, demoId(collection, number));
  const dependencies = plans.flatMap((rows) => rows.task_dependencies);
  const isFree = ({ id }: Row<Task>) => !dependencies.some(({ task_id }) => task_id === id);
  const open = tasks.filter((task) => task.status === 'pending' && isFree(task));
  const completed = tasks.filter(({ status }) => status === 'completed');
  name(open[0], 'tasks', 1);
  name(open[1], 'tasks', 2);
  name(completed[0], 'dependencies', 1);
  name(completed[1], 'dependencies', 2);
  name(goals[0], 'goals', 1);
  name(goals.at(-1), 'goals', 2);
  name(tags[0], 'tags', 1);
  name(tags[1], 'tags', 2);
  // A dependency and a time entry of the first task to try their deletion, and an entry to try its update.
  const { user_id, id } = open[0]!;
  const task = { user_id: String(user_id), id: String(id), estimated_hours: 1 };
  plans[0]!.task_dependencies.push({ user_id, task_id: id, depends_on_id: completed[1]!.id });
  plans[0]!.time_entries.push(
    { ...timeEntry(task, inDays(-2)), id: demoId('time-entries', 1) },
    { ...timeEntry(task, inDays(-1)), id: demoId('time-entries', 2) },
  );
  return ids;
}

/** Bytes as the text that PostgreSQL reads. */
function bytea(bytes: Buffer): string {
  return `\\x${bytes.toString('hex')}`;
}

/** Replaces ids in a row. */
function withIds(row: object, ids: Map<unknown, string>): object {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, ids.get(value) ?? value]));
}

/** The rows of one area by table. */
interface Plan {
  goals: Row<Goal>[];
  tasks: Row<Task>[];
  tags: Row<Tag>[];
  task_tags: Row<TaskTag>[];
  task_dependencies: Row<TaskDependency>[];
  time_entries: Row<TimeEntry>[];
}

/**
 * A yearly goal with quarterly subgoals, each with tasks that are due every three days. Most tasks with a due date in the
 * past are completed and have a time entry. Every fourth task depends on the previous one.
 */
function plan(userId: string, area: (typeof areas)[number]): Plan {
  const yearly = {
    ...goalRow(userId, area.goal, 'yearly', 300, area.project),
    success_criteria: area.success,
  };
  const tag = {
    user_id: userId,
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
    const goal = goalRow(userId, part.goal, 'quarterly', [30, 90, 25][partIndex % 3]!, area.project);
    rows.goals.push({ ...goal, parent_goal_id: yearly.id });
    part.tasks.forEach((title, taskIndex) => {
      const previous = rows.tasks.at(-1);
      const task = taskRow(
        userId,
        goal.id,
        title,
        12 * partIndex - 24 + 3 * taskIndex,
        partIndex + taskIndex,
        area,
      );
      rows.tasks.push(task);
      rows.task_tags.push({ user_id: userId, task_id: task.id, tag_id: tag.id });
      if (taskIndex % 4 === 3) {
        rows.task_dependencies.push({ user_id: userId, task_id: task.id, depends_on_id: previous!.id });
      }
      if (task.completed_at) rows.time_entries.push(timeEntry(task, task.completed_at));
    });
  });
  return rows;
}

function goalRow(
  userId: string,
  title: string,
  horizon: Goal['horizon'],
  targetInDays: number,
  projectName: string,
) {
  return {
    user_id: userId,
    id: uuidv7(),
    parent_goal_id: null as string | null,
    title,
    horizon,
    status: 'active',
    target_date: inDays(targetInDays),
    project_name: projectName,
    progress_mode: 'computed',
    success_criteria: null as string | null,
    metrics: null as object | null,
    created_at: inDays(-60),
    updated_at: inDays(-10),
    version: 1,
  };
}

/** @param due days from today; negative for the past */
function taskRow(
  userId: string,
  goalId: string,
  title: string,
  due: number,
  variant: number,
  area: (typeof areas)[number],
) {
  const isDone = due < -1 && variant % 7 !== 4;
  const openStatus = (['in_progress', 'pending', 'pending', 'blocked', 'pending'] as const)[variant % 5]!;
  const status = isDone ? 'completed' : openStatus;
  // Some tasks are completed late.
  const completedAt = isDone ? inDays(Math.min(due + (variant % 3), -1) - 1) : null;
  return {
    user_id: userId,
    id: uuidv7(),
    goal_id: goalId,
    title,
    status,
    completed_at: completedAt,
    estimated_hours: 1 + (variant % 4) * 1.5,
    priority: 1 + ((variant * 2) % 5),
    category: area.category,
    project_name: area.project,
    tags: [area.category],
    notes: status === 'blocked' ? '[BLOCKED] Waiting for a reply.' : null,
    due_date: variant % 6 === 5 ? null : inDays(due),
    created_at: inDays(Math.min(due, 0) - 20),
    updated_at: completedAt ?? inDays(-1),
    version: 1,
  };
}

/** A time entry that ends with the completion of the task. */
function timeEntry(
  {
    user_id: userId,
    id,
    estimated_hours: estimatedHours,
  }: Pick<ReturnType<typeof taskRow>, 'user_id' | 'id' | 'estimated_hours'>,
  endedAt: string,
): Row<TimeEntry> {
  const startedAt = new Date(Date.parse(endedAt) - (estimatedHours + 0.5) * hour).toISOString();
  const times = { started_at: startedAt, ended_at: endedAt, created_at: endedAt, updated_at: endedAt };
  return { user_id: userId, id: uuidv7(), task_id: id, ...times, version: 1 };
}

/** A timestamp in working hours, `days` days from today. */
function inDays(days: number): string {
  const midnight = Math.floor(Date.now() / day) * day;
  return new Date(midnight + days * day + (9 + (Math.abs(days) % 8)) * hour).toISOString();
}
