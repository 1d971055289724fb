import { setFlag } from '../database/transaction-flags';
import { timestampAsTextSql } from '../database/row-json';
import { sql, Statement } from '../database/statement';
import type { ImportedEntity } from './imported-row.entity';

/** The types of the columns that an import writes, in addition to `user_id`, `id` and `tags`. */
export const columnTypes = {
  goal: {
    parent_goal_id: 'uuid',
    title: 'text',
    description: 'text',
    horizon: 'text',
    target_date: 'timestamptz',
    status: 'text',
    progress: 'numeric',
    success_criteria: 'text',
    metrics: 'jsonb',
    project_name: 'text',
    completed_at: 'timestamptz',
    created_at: 'timestamptz',
  },
  task: {
    goal_id: 'uuid',
    title: 'text',
    description: 'text',
    notes: 'text',
    status: 'text',
    priority: 'smallint',
    category: 'text',
    due_date: 'timestamptz',
    estimated_hours: 'numeric',
    actual_hours: 'numeric',
    project_name: 'text',
    repository_path: 'text',
    completed_at: 'timestamptz',
    created_at: 'timestamptz',
  },
} as const;

export type RowEntity = keyof typeof columnTypes;

const tableOf = { goal: 'goals', task: 'tasks' } as const;

/** SQL of the ids of the tags of a task `t`, and of the tasks that it depends on. */
const tagIdsSql =
  'ARRAY(SELECT l.tag_id FROM task_tags l WHERE l.user_id = t.user_id AND l.task_id = t.id ORDER BY 1)';
const dependencyIdsSql =
  'ARRAY(SELECT d.depends_on_id FROM task_dependencies d WHERE d.user_id = t.user_id AND d.task_id = t.id ORDER BY 1)';

/** SQL of the status of a goal `t`, which is the same before and after Cairn completes or reopens it by its progress. */
const statusSql = `CASE WHEN t.progress_mode = 'computed' AND t.status IN ('active', 'completed')
  AND (t.status = 'completed') = (t.progress IS NOT DISTINCT FROM 100) THEN 'by progress' ELSE t.status END`;

/**
 * SQL of the values of a row `t` that its user can change. What Cairn changes by itself is left out: a renamed tag (the
 * task still has it), computed progress, and the status that follows it.
 */
const userValuesSql = {
  goal: `jsonb_build_array(t.parent_goal_id, t.title, t.description, t.horizon, t.target_date, t.success_criteria,
    t.metrics, t.project_name, t.progress_mode, CASE t.progress_mode WHEN 'manual' THEN t.progress END,
    ${statusSql})`,
  task: `jsonb_build_array(t.goal_id, t.parent_task_id, t.title, t.description, t.notes, t.status, t.priority, t.category,
    t.due_date, t.estimated_hours, t.actual_hours, t.project_name, t.repository_path, t.completed_at, t.deleted_at,
    ${tagIdsSql}, ${dependencyIdsSql})`,
  tag: `jsonb_build_array(t.id)`,
};

/** SQL of the `row_hash` of a row `t`. */
function rowHashSql(entity: ImportedEntity): string {
  return `sha256(convert_to(${userValuesSql[entity]}::text, 'UTF8'))`;
}

/**
 * Begins an import in a transaction of the user. Its statements may take longer than those of a request, and the triggers
 * leave to it what is better done once for all rows.
 */
export function beginImport(): Record<string, Statement> {
  return {
    settings: sql(
      `SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)`,
    ),
    importing: setFlag('importing', 'true'),
    ignoreDependencies: setFlag('ignore_open_dependencies', 'true'),
  };
}

/**
 * Lets triggers plan their statements again. Plans from when the tables were empty read all rows of the user, for each row
 * that is written.
 */
export function discardPlans(): Statement {
  return sql('DISCARD PLANS');
}

/** A row that was imported before. The hashes are in hexadecimal. */
export interface KnownRow {
  source_key: string;
  row_id: string;
  source_hash: string;
  row_hash: string;
}

export function selectKnownRows(userId: string, entity: RowEntity): Statement<KnownRow> {
  const text = `SELECT source_key, row_id, encode(source_hash, 'hex') AS source_hash, encode(row_hash, 'hex') AS row_hash
    FROM imported_rows WHERE user_id = :user_id AND entity = :entity`;
  return sql(text, { user_id: userId, entity });
}

/** The rows that exist. Goals in the trash do not count: nothing can be linked to them. */
export function selectIds(userId: string, entity: RowEntity): Statement<{ id: string }> {
  const isListedSql = entity === 'goal' ? 'AND deleted_at IS NULL' : '';
  return sql(`SELECT id FROM ${tableOf[entity]} WHERE user_id = :user_id ${isListedSql}`, {
    user_id: userId,
  });
}

/** SQL of ids `n`. With `= ANY (:ids)`, PostgreSQL may read all rows of the user in an index that has the id at its end. */
const idsSql = 'unnest(:ids::uuid[]) n (id)';

/** The present `row_hash` of these rows. */
export function selectRowHashes(
  userId: string,
  entity: RowEntity,
  ids: string[],
): Statement<{ id: string; row_hash: string }> {
  const text = `SELECT t.id, encode(${rowHashSql(entity)}, 'hex') AS row_hash
    FROM ${idsSql} JOIN ${tableOf[entity]} t ON t.user_id = :user_id AND t.id = n.id`;
  return sql(text, { user_id: userId, ids });
}

/** Stores where rows came from, with their present values. */
export function rememberRows(
  userId: string,
  entity: ImportedEntity,
  rows: { key: string; id: string; hash: string }[],
): Statement {
  const table = entity === 'tag' ? 'tags' : tableOf[entity];
  const text = `INSERT INTO imported_rows (user_id, entity, source_key, row_id, source_hash, row_hash)
    SELECT t.user_id, :entity, n.key, t.id, decode(n.hash, 'hex'), ${rowHashSql(entity)}
    FROM unnest(:keys::text[], :ids::uuid[], :hashes::text[]) n (key, id, hash)
    JOIN ${table} t ON t.user_id = :user_id AND t.id = n.id
    ON CONFLICT (user_id, entity, source_key) DO UPDATE
      SET source_hash = excluded.source_hash, row_hash = excluded.row_hash`;
  const [keys, ids, hashes] = [
    rows.map(({ key }) => key),
    rows.map(({ id }) => id),
    rows.map(({ hash }) => hash),
  ];
  return sql(text, { user_id: userId, entity, keys, ids, hashes });
}

/** The columns of the rows that `insertRows` and `updateRows` read from JSON. */
function recordSql(entity: RowEntity): string {
  const types = { id: 'uuid', ...columnTypes[entity], tag_ids: 'uuid[]' };
  return Object.entries(types)
    .map(([column, type]) => `${column} ${type}`)
    .join(', ');
}

/** SQL of the copy of the tag names in tasks, from `r.tag_ids`. */
const tagNamesSql = `CASE WHEN cardinality(r.tag_ids) > 0 THEN (
  SELECT array_agg(g.name ORDER BY lower(g.name)) FROM tags g WHERE g.user_id = :user_id AND g.id = ANY (r.tag_ids)
) ELSE '{}' END`;

/** A row for Cairn, by column; for tasks, also `tag_ids`. */
export type NewRow = Record<string, unknown> & { id: string };

export function insertRows(userId: string, entity: RowEntity, rows: NewRow[]): Statement {
  const columns = ['id', ...Object.keys(columnTypes[entity])];
  const [tagsColumn, tagsSql] = entity === 'task' ? [', tags', `, ${tagNamesSql}`] : ['', ''];
  const text = `INSERT INTO ${tableOf[entity]} (user_id, ${columns.join(', ')}${tagsColumn})
    SELECT :user_id::uuid, ${columns.map((column) => `r.${column}`).join(', ')}${tagsSql}
    FROM json_to_recordset(:rows::json) r (${recordSql(entity)})`;
  return sql(text, { user_id: userId, rows: JSON.stringify(rows) });
}

/**
 * Sets all columns but `created_at`. A goal that Cairn has completed, because its progress reached 100, stays completed.
 */
export function updateRows(
  userId: string,
  entity: RowEntity,
  rows: NewRow[],
): Statement<{ id: string; status: string; completed_at: Date | null }> {
  const keepsStatusSql = `t.progress_mode = 'computed' AND t.progress = 100 AND t.status = 'completed' AND r.status = 'active'`;
  const assignments = Object.keys(columnTypes[entity])
    .filter((column) => column !== 'created_at')
    .map((column) =>
      entity === 'goal' && ['status', 'completed_at'].includes(column)
        ? `${column} = CASE WHEN ${keepsStatusSql} THEN t.${column} ELSE r.${column} END`
        : `${column} = r.${column}`,
    );
  const ownSql =
    entity === 'task'
      ? `tags = ${tagNamesSql}`
      : `progress_mode = CASE WHEN r.progress IS NULL THEN 'computed' ELSE 'manual' END`;
  const text = `UPDATE ${tableOf[entity]} t SET ${assignments.join(', ')}, ${ownSql}
    FROM json_to_recordset(:rows::json) r (${recordSql(entity)}) WHERE t.user_id = :user_id AND t.id = r.id
    RETURNING t.id, t.status, t.completed_at`;
  return sql(text, { user_id: userId, rows: JSON.stringify(rows) });
}

type Pairs = [string, string][];

const pairsSql = 'unnest(:first::uuid[], :second::uuid[]) n (first, second)';

function pairValues(pairs: Pairs): { first: string[]; second: string[] } {
  return { first: pairs.map(([first]) => first), second: pairs.map(([, second]) => second) };
}

/** @param pairs of a task and a tag */
export function insertTaskTags(userId: string, pairs: Pairs): Statement {
  const text = `INSERT INTO task_tags (user_id, task_id, tag_id) SELECT :user_id::uuid, n.first, n.second FROM ${pairsSql}`;
  return sql(text, { user_id: userId, ...pairValues(pairs) });
}

/** @param pairs of a task and one that it depends on */
export function insertDependencies(userId: string, pairs: Pairs): Statement {
  const text = `INSERT INTO task_dependencies (user_id, task_id, depends_on_id)
    SELECT :user_id::uuid, n.first, n.second FROM ${pairsSql}`;
  return sql(text, { user_id: userId, ...pairValues(pairs) });
}

/** Removes the tags and dependencies of tasks that get new ones. */
export function deleteLinks(userId: string, ids: string[]): Record<string, Statement> {
  const deleteFrom = (table: string) =>
    sql(`DELETE FROM ${table} WHERE user_id = :user_id AND task_id = ANY (:ids::uuid[])`, {
      user_id: userId,
      ids,
    });
  return { tags: deleteFrom('task_tags'), dependencies: deleteFrom('task_dependencies') };
}

/** The links between rows that exist in Cairn. */
export function selectLinks(userId: string): {
  parents: Statement<{ id: string; parent_goal_id: string | null }>;
  dependencies: Statement<{ task_id: string; depends_on_id: string }>;
} {
  const values = { user_id: userId };
  return {
    parents: sql('SELECT id, parent_goal_id FROM goals WHERE user_id = :user_id', values),
    dependencies: sql(
      'SELECT task_id, depends_on_id FROM task_dependencies WHERE user_id = :user_id',
      values,
    ),
  };
}

export interface RowTotals {
  tasks: number;
  goals: number;
  tags: number;
  task_dependencies: number;
}

export function countRows(userId: string): Statement<RowTotals> {
  const counts = ['tasks', 'goals', 'tags', 'task_dependencies'].map(
    (table) => `(SELECT count(*)::integer FROM ${table} WHERE user_id = :user_id) AS ${table}`,
  );
  return sql(`SELECT ${counts.join(', ')}`, { user_id: userId });
}

/** Of these goals, one with more tasks than the quota, with their subtasks at all depths. */
export function selectLargestGoal(
  userId: string,
  ids: string[],
  quota: number,
): Statement<{ id: string; count: number }> {
  const text = `
    WITH RECURSIVE member (goal_id, id) AS (
      SELECT t.goal_id, t.id FROM tasks t WHERE t.user_id = :user_id AND t.goal_id = ANY (:ids::uuid[])
      UNION
      SELECT m.goal_id, t.id FROM member m JOIN tasks t ON t.user_id = :user_id AND t.parent_task_id = m.id
    )
    SELECT m.goal_id AS id, count(*)::integer AS count FROM member m
    GROUP BY 1 HAVING count(*) > :quota::integer ORDER BY 2 DESC LIMIT 1`;
  return sql(text, { user_id: userId, ids, quota });
}

export interface ResolvedTag {
  name: string;
  /** The tag that exists in Cairn. */
  tag_id: string | null;
  /** Whether it was imported before, and has been deleted since. */
  is_deleted: boolean;
}

/** The tags of Cairn for the names of a source. A tag that was imported before is found even if it was renamed. */
export function resolveTags(userId: string, names: string[]): Statement<ResolvedTag> {
  const text = `SELECT n.name, coalesce(known.id, named.id) AS tag_id,
      i.row_id IS NOT NULL AND known.id IS NULL AND named.id IS NULL AS is_deleted
    FROM unnest(:names::text[]) n (name)
    LEFT JOIN imported_rows i ON i.user_id = :user_id AND i.entity = 'tag' AND i.source_key = lower(n.name)
    LEFT JOIN tags known ON known.user_id = :user_id AND known.id = i.row_id
    LEFT JOIN tags named ON named.user_id = :user_id AND lower(named.name) = lower(n.name)`;
  return sql(text, { user_id: userId, names });
}

/** Creates a tag for each name. Of names that differ only in case, the first becomes the tag. */
export function insertTags(userId: string, names: string[], ids: string[]): Statement {
  const text = `INSERT INTO tags (user_id, id, name)
    SELECT DISTINCT ON (lower(n.name)) :user_id::uuid, n.id, n.name
    FROM unnest(:names::text[], :ids::uuid[]) WITH ORDINALITY n (name, id, position) ORDER BY lower(n.name), n.position`;
  return sql(text, { user_id: userId, names, ids });
}

/** Remembers the tags of these names under their lower-case names. */
export function rememberTags(userId: string, names: string[], ids: string[]): Statement {
  const text = `INSERT INTO imported_rows (user_id, entity, source_key, row_id, source_hash, row_hash)
    SELECT DISTINCT ON (lower(n.name)) :user_id::uuid, 'tag', lower(n.name), n.id, sha256(convert_to(lower(n.name), 'UTF8')), ''
    FROM unnest(:names::text[], :ids::uuid[]) n (name, id)
    ON CONFLICT (user_id, entity, source_key) DO NOTHING`;
  return sql(text, { user_id: userId, names, ids });
}

/**
 * The progress of all goals that have tasks or subgoals, like progress_of in src/goals/progress.sql computes it for one. Called
 * for each goal, that could read all tasks each time, because there are no statistics on a new account.
 */
export function selectProgress(userId: string): Statement<{ id: string; progress: number | null }> {
  const text = `
    SELECT id, (CASE WHEN avg(half) > 99.99 AND avg(half) < 100 THEN 99.99 ELSE round(avg(half), 2) END)::float8 AS progress
    FROM (
      SELECT t.goal_id AS id, 100.0 * count(*) FILTER (WHERE t.status = 'completed') / nullif(count(*), 0) AS half
        FROM tasks t WHERE t.user_id = :user_id AND t.goal_id IS NOT NULL AND t.deleted_at IS NULL
        AND counts_toward_progress(t.status) GROUP BY t.goal_id
      UNION ALL
      SELECT g.parent_goal_id, avg(g.progress) FROM goals g
        WHERE g.user_id = :user_id AND g.parent_goal_id IS NOT NULL AND g.deleted_at IS NULL AND counts_toward_progress(g.status)
        GROUP BY g.parent_goal_id
    ) halves GROUP BY id`;
  return sql(text, { user_id: userId });
}

/** Sets computed progress. */
export function setProgress(userId: string, goals: [id: string, progress: number | null][]): Statement {
  const text = `UPDATE goals g SET progress = n.progress FROM unnest(:ids::uuid[], :values::numeric[]) n (id, progress)
    WHERE g.user_id = :user_id AND g.id = n.id`;
  const [ids, values] = [goals.map(([id]) => id), goals.map(([, progress]) => progress)];
  return sql(text, { user_id: userId, ids, values });
}

/** Computes the progress of these goals and of those above them. */
export function recomputeProgress(userId: string, goalIds: string[]): Statement {
  return sql('SELECT recompute_progress(:user_id, :ids::uuid[])', { user_id: userId, ids: goalIds });
}

export function setProgressMode(userId: string, mode: 'computed' | 'manual', ids: string[]): Statement {
  const text = `UPDATE goals SET progress_mode = :mode
    WHERE user_id = :user_id AND id = ANY (:ids::uuid[]) AND progress_mode <> :mode`;
  return sql(text, { user_id: userId, mode, ids });
}

/** The goals of these tasks. */
export function selectGoalsOfTasks(userId: string, ids: string[]): Statement<{ goal_id: string }> {
  const text = `SELECT DISTINCT goal_id FROM tasks
    WHERE user_id = :user_id AND id = ANY (:ids::uuid[]) AND goal_id IS NOT NULL`;
  return sql(text, { user_id: userId, ids });
}

/** The stored values of rows, as an import compares them with its source. */
export function selectStored(
  userId: string,
  entity: RowEntity,
  ids: string[],
): Statement<{ id: string; stored: Stored }> {
  const members = Object.entries(columnTypes[entity]).map(
    ([column, type]) =>
      `'${column}', ${type === 'timestamptz' ? timestampAsTextSql(`t.${column}`) : `t.${column}`}`,
  );
  if (entity === 'task')
    members.push(`'tags', ${tagIdsSql}`, `'tag_names', t.tags`, `'depends_on', ${dependencyIdsSql}`);
  const text = `SELECT t.id, json_build_object(${members.join(', ')}) AS stored
    FROM ${idsSql} JOIN ${tableOf[entity]} t ON t.user_id = :user_id AND t.id = n.id`;
  return sql(text, { user_id: userId, ids });
}

export type Stored = Record<string, unknown>;

/** The names of these tags in the order in which tasks store them. */
export function selectTagNames(userId: string, ids: string[]): Statement<{ id: string; name: string }> {
  const text = `SELECT id, name FROM tags WHERE user_id = :user_id AND id = ANY (:ids::uuid[]) ORDER BY lower(name)`;
  return sql(text, { user_id: userId, ids });
}
