import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database';
import { anyOf, before, flag, from, rowFilters } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import { Fragment, sql, Statement } from '../database/statement';
import { Changes, Expression, isEmpty } from '../database/table.repository';
import { absentLast } from '../database/page';
import { countsBy } from '../database/view';
import { currentUser } from '../http/current-request';
import { JsonText } from '../http/json-text';
import { TaskQuery, TaskView } from './task.dto';
import { Task, taskStatuses } from './task.entity';

/** Neither done nor dropped, nor in the trash. @param tasks the name by which the statement calls the table */
export const isOpen = (tasks: string) =>
  `${tasks}.status NOT IN ('completed', 'cancelled') AND ${tasks}.deleted_at IS NULL`;

/** What is to be done first is still open. */
const isBlocked = `EXISTS (
  SELECT FROM task_dependencies d JOIN tasks needed ON needed.user_id = d.user_id AND needed.id = d.depends_on_id
  WHERE d.user_id = tasks.user_id AND d.task_id = tasks.id AND ${isOpen('needed')}
)`;

/** Fields of a task that are no columns. */
export const derivedOfTask = { completed: `tasks.status = 'completed'`, is_blocked: isBlocked };

/** Tasks, and their subtasks at every depth that are such. */
const subtree = (isRoot: string, isPart: string) => `
  WITH RECURSIVE part (id) AS (
    SELECT tasks.id FROM tasks WHERE tasks.user_id = :user_id AND ${isRoot}
    UNION
    SELECT tasks.id FROM part JOIN tasks ON tasks.user_id = :user_id AND tasks.parent_task_id = part.id
    WHERE ${isPart}
  )`;

const isLive = 'tasks.deleted_at IS NULL';
const isThis = 'tasks.id = :id';

/** A time that no other tasks of the user went to the trash at: it tells which went there together. */
const whenNoOther = `
  SELECT coalesce(max(later.deleted_at) + interval '1 millisecond', now()) FROM tasks later
  WHERE later.user_id = :user_id AND later.deleted_at IS NOT NULL
    AND CASE WHEN later.deleted_at IS NULL THEN '-infinity' ELSE later.deleted_at END >= now()::timestamptz(3)`;

/** SQL that moves tasks to the trash, with all their subtasks. */
export function moveToTrash(isRoot: string, alsoSet = ''): string {
  return `${subtree(`${isRoot} AND ${isLive}`, isLive)}
    UPDATE tasks SET deleted_at = (${whenNoOther}) ${alsoSet} FROM part
    WHERE tasks.user_id = :user_id AND tasks.id = part.id RETURNING 1`;
}

const dueOrLast = absentLast('tasks.due_date');

@Injectable()
export class TasksRepository extends OwnedRepository<TaskQuery & { needed_by?: string }> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Task,
      name: 'task',
      view: TaskView,
      derived: derivedOfTask,
      live: isLive,
      filters: {
        status: anyOf('tasks.status'),
        completed: flag(`tasks.status = 'completed'`, `tasks.status <> 'completed'`),
        priority: anyOf('tasks.priority'),
        category: anyOf('tasks.category'),
        goal_id: anyOf('tasks.goal_id'),
        parent_task_id: anyOf('tasks.parent_task_id'),
        project_name: anyOf('tasks.project_name'),
        due_date: () => ({ sql: 'tasks.due_date IS NULL' }),
        due_from: from('tasks.due_date', dueOrLast),
        due_before: before('tasks.due_date', dueOrLast),
        ...rowFilters('tasks'),
        needed_by: isNeededBy,
        tag: hasAnyTag,
        tag_all: hasAllTags,
        is_blocked: flag(isBlocked, `NOT ${isBlocked}`),
        trashed: flag('tasks.deleted_at IS NOT NULL', 'tasks.deleted_at IS NULL'),
      },
      sorts: {
        created_at: 'moment',
        updated_at: 'moment',
        due_date: 'moment or none',
        priority: 'integer',
        title: 'text',
        status: 'text',
        completed_at: 'moment or none',
        deleted_at: 'moment or none',
      },
    });
  }

  /** Its tags are made where they are new. @throws Problem 404 as for every row */
  override async insert({ tags, ...values }: Changes): Promise<JsonText> {
    if (!isNames(tags) || tags.length === 0) return super.insert(values);
    const id = uuidv7();
    const names = { ...currentUser(), id, tags, tag_ids: tags.map(() => uuidv7()) };
    const [, rows = []] = await this.write(
      sql(makeTags, names),
      this.insertion({ ...values, id, tags: new Expression(tagNames, { tags }) }),
      sql(linkTags, names),
    );
    return this.one(rows);
  }

  /**
   * @param force completes it also when what it depends on is open
   * @throws Problem 404 for the task, or for a row that the changes refer to · Problem 409 `dependency_open`
   */
  async change(id: string, { tags, ...values }: Changes, force: boolean): Promise<JsonText> {
    if (isEmpty({ tags, ...values })) return this.find(id);
    const names = isNames(tags)
      ? { ...currentUser(), id, tags, tag_ids: tags.map(() => uuidv7()) }
      : undefined;
    const before = names ? [sql(`${makeTags} AND ${isThere}`, names)] : [];
    const after = names ? [sql(`${unlinkTags} AND ${isThere}`, names), sql(linkTags, names)] : [];
    const changes = names ? { ...values, tags: new Expression(tagNames, { tags }) } : values;
    const [permit, forbid] = force ? [[setting('ignore_open_dependencies', 'true')], [setting('ignore_open_dependencies', '')]] : [[], []];
    const results = await this.write(...permit, ...before, this.alteration(id, changes), ...after, ...forbid);
    return this.one(results[permit.length + before.length]!);
  }

  /** Moves it to the trash, with all its subtasks. @throws Problem 404 */
  async trash(id: string): Promise<void> {
    const [rows = []] = await this.write(sql(moveToTrash(isThis), { ...currentUser(), id }));
    this.one(rows);
  }

  /** For ever, with all its subtasks, by way of the trash: so its goals are counted once. @throws Problem 404 */
  override async remove(id: string): Promise<void> {
    const text = `${subtree(isThis, 'true')}
      DELETE FROM tasks USING part WHERE tasks.user_id = :user_id AND tasks.id = part.id RETURNING 1`;
    const values = { ...currentUser(), id };
    const [, rows = []] = await this.write(sql(moveToTrash(isThis), values), sql(text, values));
    this.one(rows);
  }

  /**
   * Takes it out of the trash, with the subtasks that went there with it.
   * @throws Problem 404 for one that is not there · Problem 409 when it is part of one that is
   */
  async restore(id: string): Promise<JsonText> {
    const values = { ...currentUser(), id };
    const remember = `SELECT set_transaction_flag('trashed_at', deleted_at::text), set_transaction_flag('restored_task_id', id::text)
      FROM tasks WHERE user_id = :user_id AND id = :id AND deleted_at IS NOT NULL`;
    const parts = `${subtree(isThis, `tasks.deleted_at = transaction_flag('trashed_at')::timestamptz`)}
      UPDATE tasks SET deleted_at = NULL FROM part
      WHERE tasks.user_id = :user_id AND tasks.id = part.id AND tasks.deleted_at IS NOT NULL RETURNING 1`;
    const [, restored = [], rows = []] = await this.write(
      sql(remember, values),
      sql(parts, values),
      this.selection(id),
      setting('restored_task_id', ''),
      setting('trashed_at', ''),
    );
    this.one(restored);
    return this.one(rows);
  }

  /** Counts of the tasks that are not in the trash. */
  async summary(): Promise<JsonText> {
    const text = `
      WITH live AS (
        SELECT status, priority, category, due_date FROM tasks WHERE user_id = :user_id AND deleted_at IS NULL
      )
      SELECT json_build_object(
        'total', (SELECT count(*) FROM live),
        'by_status', ${countsBy('live', 'status', `unnest(:statuses::text[])`)},
        'by_priority', ${countsBy('live', 'priority', 'generate_series(1, 5)')},
        'by_category', (
          SELECT coalesce(json_object_agg(category, count ORDER BY count DESC, category), '{}')
          FROM (SELECT coalesce(category, 'none') AS category, count(*) FROM live GROUP BY 1) counts
        ),
        'overdue', (SELECT count(*) FROM live WHERE due_date < now() AND status NOT IN ('completed', 'cancelled'))
      )::text`;
    const [rows = []] = await this.read(sql(text, { ...currentUser(), statuses: taskStatuses }));
    return this.one(rows);
  }

  /** All dependencies, as pairs of ids. */
  async dependencies(): Promise<JsonText> {
    const text = `SELECT coalesce(json_agg(json_build_object('task_id', task_id, 'depends_on_id', depends_on_id)), '[]')::text
      FROM task_dependencies WHERE user_id = :user_id`;
    const [rows = []] = await this.read(sql(text, { ...currentUser() }));
    return this.one(rows);
  }

  /** That it cannot be done before the other one. @throws Problem 404 for either · Problem 409 for a ring */
  async depend(id: string, other_id: string): Promise<void> {
    const text = `
      WITH pair AS (
        SELECT t.id, o.id AS other_id FROM tasks t JOIN tasks o ON o.user_id = t.user_id
        WHERE t.user_id = :user_id AND t.id = :id AND o.id = :other_id AND t.deleted_at IS NULL AND o.deleted_at IS NULL
      ), made AS (
        INSERT INTO task_dependencies (user_id, task_id, depends_on_id) SELECT :user_id, id, other_id FROM pair
        ON CONFLICT DO NOTHING
      )
      SELECT 1 FROM pair`;
    const [rows = []] = await this.write(sql(text, { ...currentUser(), id, other_id }));
    this.one(rows);
  }

  /** @throws Problem 404 where there is no such dependency */
  async undepend(id: string, other_id: string): Promise<void> {
    const text = `DELETE FROM task_dependencies WHERE user_id = :user_id AND task_id = :id AND depends_on_id = :other_id
      RETURNING 1`;
    const [rows = []] = await this.write(sql(text, { ...currentUser(), id, other_id }));
    this.one(rows);
  }
}

function isNeededBy(name: string, id: string): Fragment {
  const needed = `SELECT d.depends_on_id FROM task_dependencies d WHERE d.user_id = :user_id AND d.task_id = :${name}`;
  return { sql: `tasks.id IN (${needed})`, parameters: { [name]: id } };
}

/** Has one of these tags; `null` among them stands for tasks without any. */
function hasAnyTag(name: string, tags: (string | null)[]): Fragment {
  const present = tags.filter((tag) => tag !== null);
  const conditions = [
    ...(present.length
      ? [
          `tasks.id IN (SELECT l.task_id FROM task_tags l JOIN tags g ON g.user_id = l.user_id AND g.id = l.tag_id
          WHERE l.user_id = :user_id AND lower(g.name) IN (SELECT lower(n) FROM unnest(:${name}::text[]) n))`,
        ]
      : []),
    ...(present.length < tags.length ? [`tasks.tags = '{}'`] : []),
  ];
  return { sql: `(${conditions.join(' OR ')})`, parameters: present.length ? { [name]: present } : {} };
}

function hasAllTags(name: string, tags: (string | null)[]): Fragment {
  const condition = `NOT EXISTS (
    SELECT FROM unnest(:${name}::text[]) n WHERE lower(n) NOT IN (SELECT lower(tag) FROM unnest(tasks.tags) tag))`;
  return { sql: condition, parameters: { [name]: tags.map((tag) => tag ?? 'none') } };
}

/** The task that is given tags; without it, no tag is made. */
const isThere = 'EXISTS (SELECT FROM tasks WHERE user_id = :user_id AND id = :id AND deleted_at IS NULL)';

/** The ids of tags by their names, whatever their case. */
const tagsByName = `SELECT g.id FROM tags g
  WHERE g.user_id = :user_id AND lower(g.name) IN (SELECT lower(n) FROM unnest(:tags::text[]) n)`;

const makeTags = `INSERT INTO tags (user_id, id, name)
  SELECT DISTINCT ON (lower(n.name)) :user_id::uuid, n.id, n.name
  FROM unnest(:tags::text[], :tag_ids::uuid[]) n (name, id)
  WHERE NOT EXISTS (SELECT FROM tags g WHERE g.user_id = :user_id AND lower(g.name) = lower(n.name))`;

const linkTags = `INSERT INTO task_tags (user_id, task_id, tag_id)
  SELECT :user_id::uuid, :id::uuid, g.id FROM (${tagsByName}) g WHERE ${isThere} ON CONFLICT DO NOTHING`;

const unlinkTags = `DELETE FROM task_tags WHERE user_id = :user_id AND task_id = :id AND tag_id NOT IN (${tagsByName})`;

/** What `tasks.tags` holds: the names as the tags have them. */
const tagNames = `(SELECT coalesce(array_agg(g.name ORDER BY lower(g.name)), '{}') FROM tags g WHERE g.id IN (${tagsByName})
  AND g.user_id = :user_id)`;

/** What triggers are told, until the transaction ends: in a longer one, it is taken back. */
function setting(name: 'ignore_open_dependencies' | 'restored_task_id' | 'trashed_at', value: string): Statement {
  return sql(`SELECT set_transaction_flag('${name}', :value)`, { value });
}

function isNames(tags: unknown): tags is string[] {
  return Array.isArray(tags);
}
