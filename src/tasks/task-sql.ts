import type { Fragment } from '../database/statement';
import { trashTimestampSql } from './trash-sql';

/** SQL condition for tasks that are not in the trash. */
export const isNotTrashedSql = 'tasks.deleted_at IS NULL';

/** SQL condition for tasks that depend on an open task. */
export const isBlockedSql = `EXISTS (
  SELECT FROM blocked_tasks(tasks.user_id) blocked WHERE blocked.task_id = tasks.id
)`;

/**
 * SQL of a table expression `subtree` with the ids of tasks and of their subtasks at every depth.
 * @param isRootSql condition for the tasks at the top
 * @param isIncludedSql condition for subtasks; the subtasks of excluded tasks are excluded too
 */
export function subtreeSql(isRootSql: string, isIncludedSql: string): string {
  return `
    WITH RECURSIVE subtree (id) AS (
      SELECT tasks.id FROM tasks WHERE tasks.user_id = :user_id AND ${isRootSql}
      UNION
      SELECT tasks.id FROM subtree JOIN tasks ON tasks.user_id = :user_id AND tasks.parent_task_id = subtree.id
      WHERE ${isIncludedSql}
    )`;
}

/**
 * SQL that moves tasks to the trash, with all their subtasks.
 * @param isRootSql condition for the tasks
 * @param alsoSetSql further assignments, each after a comma
 * @param timestampSql SQL of the timestamp of the operation
 */
export function moveToTrashSql(isRootSql: string, alsoSetSql = '', timestampSql = trashTimestampSql): string {
  return `${subtreeSql(`${isRootSql} AND ${isNotTrashedSql}`, isNotTrashedSql)}
    UPDATE tasks SET deleted_at = ${timestampSql} ${alsoSetSql} FROM subtree
    WHERE tasks.user_id = :user_id AND tasks.id = subtree.id RETURNING tasks.id`;
}

/** The filter for tasks that the task with this id depends on. */
export function isDependencyOf(name: string, id: string): Fragment {
  const dependenciesSql = `SELECT d.depends_on_id FROM task_dependencies d WHERE d.user_id = :user_id AND d.task_id = :${name}`;
  return { sql: `tasks.id IN (${dependenciesSql})`, parameters: { [name]: id } };
}

/**
 * The filter for tasks with at least one of these tags; null among them means tasks without tags. `IS TRUE` keeps
 * PostgreSQL from turning the condition into a join: it reads tasks in the order of the list until the page is full, usually
 * with a hash table of the ids with these tags.
 */
export function hasAnyTag(name: string, tags: (string | null)[]): Fragment {
  const present = tags.filter((tag) => tag !== null);
  const conditions: string[] = [];
  if (present.length) {
    conditions.push(`EXISTS (
      SELECT FROM task_tags l JOIN tags g ON g.user_id = l.user_id AND g.id = l.tag_id
      WHERE l.user_id = :user_id AND l.task_id = tasks.id AND lower(g.name) IN (SELECT lower(n) FROM unnest(:${name}::text[]) n)
    ) IS TRUE`);
  }
  if (present.length < tags.length) conditions.push(`tasks.tags = '{}'`);
  return { sql: `(${conditions.join(' OR ')})`, parameters: present.length ? { [name]: present } : {} };
}

/** The filter for tasks with all of these tags. */
export function hasAllTags(name: string, tags: (string | null)[]): Fragment {
  const hasAllTagsSql = `NOT EXISTS (
    SELECT FROM unnest(:${name}::text[]) n WHERE lower(n) NOT IN (SELECT lower(tag) FROM unnest(tasks.tags) tag))`;
  return { sql: hasAllTagsSql, parameters: { [name]: tags.map((tag) => tag ?? 'none') } };
}
