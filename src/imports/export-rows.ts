import { sql, Statement } from '../database/statement';
import type { ChangeRow, Row } from './export-items';

/** Rows for one statement. They have the same columns, so that the others get their defaults. */
interface Batch {
  columns: string[];
  rows: Row[];
}

/** Groups rows by their columns. */
export function byColumns(rows: Row[]): Batch[] {
  const batches = new Map<string, Batch>();
  for (const row of rows) {
    const columns = Object.keys(row).sort();
    const key = columns.join();
    const batch = batches.get(key) ?? batches.set(key, { columns, rows: [] }).get(key)!;
    batch.rows.push(row);
  }
  return [...batches.values()];
}

export type InsertedTable = 'goals' | 'tasks' | 'tags' | 'time_entries' | 'task_dependencies';

/** SQL of the names of the tags of a task, as its user's tags are spelled. */
const tagNamesSql = `coalesce((SELECT array_agg(g.name ORDER BY lower(g.name)) FROM tags g
  WHERE g.user_id = :user_id AND lower(g.name) IN (SELECT lower(n.name) FROM unnest(r.tags) n (name))), '{}')`;

/** Inserts the rows that do not exist. Column names come from the classes of the items, never from a document. */
export function insertRows(
  userId: string,
  table: InsertedTable,
  { columns, rows }: Batch,
): Statement<{ inserted: 1 }> {
  const values = columns.map((column) =>
    table === 'tasks' && column === 'tags' ? tagNamesSql : `r.${column}`,
  );
  const text = `INSERT INTO ${table} (user_id, ${columns.join(', ')})
    SELECT :user_id::uuid, ${values.join(', ')} FROM json_populate_recordset(NULL::${table}, :rows) r
    ON CONFLICT DO NOTHING RETURNING 1 AS inserted`;
  return sql(text, { user_id: userId, rows: JSON.stringify(rows) });
}

/** Creates the tags of these names that do not exist. */
export function insertMissingTags(userId: string, names: string[]): Statement<{ inserted: 1 }> {
  const text = `INSERT INTO tags (user_id, name) SELECT :user_id::uuid, n.name FROM unnest(:names::text[]) n (name)
    ON CONFLICT DO NOTHING RETURNING 1 AS inserted`;
  return sql(text, { user_id: userId, names });
}

/** Assigns tasks to the tags that they name. */
export function insertTaskTags(userId: string, tasks: Row[]): Statement {
  const text = `INSERT INTO task_tags (user_id, task_id, tag_id)
    SELECT DISTINCT :user_id::uuid, r.id, g.id FROM json_populate_recordset(NULL::tasks, :rows) r
    CROSS JOIN unnest(r.tags) n (name) JOIN tags g ON g.user_id = :user_id AND lower(g.name) = lower(n.name)`;
  return sql(text, { user_id: userId, rows: JSON.stringify(tasks.map(({ id, tags }) => ({ id, tags }))) });
}

/** SQL of a row type with these values, as `record_change` writes it. */
const asRecordedSql = (entityTable: string, values: string) =>
  `to_jsonb(jsonb_populate_record(NULL::${entityTable}, ${values}))`;

const recordedSql = (values: string) =>
  `CASE r.entity WHEN 'task' THEN ${asRecordedSql('tasks', values)} ELSE ${asRecordedSql('goals', values)} END`;

/**
 * Inserts changes, marked as imported.
 * @param changes with their ids
 */
export function insertChanges(userId: string, changes: ChangeRow[]): Statement {
  const text = `INSERT INTO changes (user_id, id, entity, entity_id, version, operation, changed_at, is_imported, fields)
    SELECT :user_id::uuid, r.id, r.entity, r.entity_id, r.version, r.operation, r.changed_at, true, coalesce((
      SELECT jsonb_object_agg(key, jsonb_build_object('old', before -> key, 'new', after -> key))
      FROM (SELECT ${recordedSql('r.before')} AS before, ${recordedSql('r.after')} AS after) recorded,
        jsonb_object_keys(r.after) key), '{}')
    FROM json_to_recordset(:rows) r (id bigint, entity text, entity_id uuid, version integer, operation text,
      changed_at timestamptz, before jsonb, after jsonb)`;
  return sql(text, { user_id: userId, rows: JSON.stringify(changes) });
}

/** The number of the last change, and how many were imported. */
export function selectHistoryState(userId: string): Statement<{ last_id: number; imported: number }> {
  const text = `SELECT coalesce(max(id), 0)::float8 AS last_id, (count(*) FILTER (WHERE is_imported))::integer AS imported
    FROM changes WHERE user_id = :user_id`;
  return sql(text, { user_id: userId });
}

/** Of these tasks and goals, those that have changes up to this one. */
export function selectEntitiesWithHistory(
  userId: string,
  ids: string[],
  lastId: number,
): Statement<{ id: string }> {
  const text = `SELECT DISTINCT c.entity_id AS id FROM changes c
    WHERE c.user_id = :user_id AND c.entity_id = ANY (:ids::uuid[]) AND c.id <= :last_id::bigint`;
  return sql(text, { user_id: userId, ids, last_id: lastId });
}

/** The ids of these rows that exist. @param isListed only those outside the trash */
export function selectExisting(
  userId: string,
  table: 'goals' | 'tasks',
  ids: string[],
  isListed = false,
): Statement<{ id: string }> {
  const listedSql = isListed ? 'AND t.deleted_at IS NULL' : '';
  const text = `SELECT t.id FROM ${table} t WHERE t.user_id = :user_id AND t.id = ANY (:ids::uuid[]) ${listedSql}`;
  return sql(text, { user_id: userId, ids });
}

export function countRunningTimers(userId: string): Statement<{ count: number }> {
  const text = `SELECT count(*)::integer AS count FROM time_entries WHERE user_id = :user_id AND ended_at IS NULL`;
  return sql(text, { user_id: userId });
}

/** Of these tasks and those above them, one with more subtasks than the quota. */
export function selectLargestTask(
  userId: string,
  ids: string[],
  quota: number,
): Statement<{ id: string; count: number }> {
  const text = `
    WITH RECURSIVE above (id, parent_task_id) AS (
      SELECT t.id, t.parent_task_id FROM tasks t WHERE t.user_id = :user_id AND t.id = ANY (:ids::uuid[])
      UNION
      SELECT t.id, t.parent_task_id FROM above a JOIN tasks t ON t.user_id = :user_id AND t.id = a.parent_task_id
    ), below (root_id, id) AS (
      SELECT a.id, t.id FROM above a JOIN tasks t ON t.user_id = :user_id AND t.parent_task_id = a.id
        WHERE a.parent_task_id IS NULL
      UNION ALL
      SELECT b.root_id, t.id FROM below b JOIN tasks t ON t.user_id = :user_id AND t.parent_task_id = b.id
    )
    SELECT root_id AS id, count(*)::integer AS count FROM below
    GROUP BY 1 HAVING count(*) > :quota::integer ORDER BY 2 DESC LIMIT 1`;
  return sql(text, { user_id: userId, ids, quota });
}

/** Sets the hours of these tasks to the sum of their ended time entries, where they differ. */
export function sumHours(userId: string, ids: string[]): Statement {
  const text = `UPDATE tasks t SET actual_hours = s.hours
    FROM (SELECT n.id, hours_worked(:user_id, n.id) AS hours FROM unnest(:ids::uuid[]) n (id)) s
    WHERE t.user_id = :user_id AND t.id = s.id AND s.hours IS NOT NULL AND t.actual_hours IS DISTINCT FROM s.hours`;
  return sql(text, { user_id: userId, ids });
}

/** The goals whose progress is not what Cairn computes, although it is to be computed. */
export function selectWrongProgress(
  userId: string,
  goals: [id: string, progress: number | null][],
): Statement<{ id: string }> {
  const text = `SELECT g.id FROM goals g LEFT JOIN unnest(:ids::uuid[], :values::numeric[]) n (id, progress) ON n.id = g.id
    WHERE g.user_id = :user_id AND g.progress_mode = 'computed' AND g.progress IS DISTINCT FROM n.progress`;
  const [ids, values] = [goals.map(([id]) => id), goals.map(([, progress]) => progress)];
  return sql(text, { user_id: userId, ids, values });
}
