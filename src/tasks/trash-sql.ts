import { orElseSql } from '../database/keyset';
import { flagSql } from '../database/transaction-flags';

/*
 * SQL that tasks and goals share, because a goal is moved to the trash and restored together with its links and tasks
 * (docs/decisions/0037).
 */

/** SQL of a unique timestamp that identifies one trash operation of the user: restoring finds the rows by it. */
export const trashTimestampSql = `(
  SELECT coalesce(max(trashed.deleted_at) + interval '1 millisecond', now())
  FROM (${recentlyTrashedSql('tasks')} UNION ALL ${recentlyTrashedSql('goals')}) trashed)`;

function recentlyTrashedSql(table: string): string {
  return `SELECT ${table}.deleted_at FROM ${table} WHERE ${table}.user_id = :user_id
    AND ${table}.deleted_at IS NOT NULL AND ${orElseSql(`${table}.deleted_at`, '-infinity')} >= now()::timestamptz(3)`;
}

/**
 * SQL that links rows to the goal `:id` again, while it is being restored: those that were unlinked when it was moved to
 * the trash, and whose link has not changed since. There can be thousands: the changes after that are read once, and no
 * further condition on the rows tempts the planner to read all of them for each.
 * @param column that refers to the goal · @param entity name of the rows in the history
 * @param isAllowedSql condition for rows that can be linked
 */
export function relinkSql(table: string, column: string, entity: string, isAllowedSql = 'true'): string {
  return `
    WITH unlinked AS MATERIALIZED (
      SELECT c.entity_id FROM changes c
      WHERE c.user_id = :user_id AND c.entity = '${entity}' AND c.fields ? '${column}' AND c.id > (
        SELECT t.id FROM changes t
        WHERE t.user_id = :user_id AND t.entity_id = :id AND t.fields -> 'deleted_at' ->> 'new' IS NOT NULL
          AND ${flagSql('restored_goal_id')} = :id::text
        ORDER BY t.id DESC LIMIT 1)
      GROUP BY c.entity_id HAVING count(*) = 1 AND min(c.fields -> '${column}' ->> 'old') = :id::text
    )
    UPDATE ${table} SET ${column} = :id FROM unlinked
    WHERE ${table}.user_id = :user_id AND ${table}.id = unlinked.entity_id AND ${isAllowedSql}`;
}
