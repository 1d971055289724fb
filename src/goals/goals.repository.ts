import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { JsonPage, JsonText } from '../core/json-text';
import { Database } from '../database/database';
import { anyOf, before, commonFilters, either, from, isAbsent } from '../database/filters';
import { nullsLastSql } from '../database/keyset';
import { relevanceSql } from '../database/search';
import { countsBySql, timestampAsTextSql } from '../database/row-json';
import type { JsonRow } from '../database/statement-builder';
import { ColumnValues, SqlValue } from '../database/table.repository';
import { clearFlag, setFlag, setFlagSql } from '../database/transaction-flags';
import { TrashRepository } from '../database/trash.repository';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import type { TaskQuery } from '../tasks/task-query.dto';
import { TasksRepository } from '../tasks/tasks.repository';
import { relinkSql, trashTimestampSql } from '../tasks/trash-sql';
import type { GoalNode } from './breakdown';
import { GoalQuery } from './goal-query.dto';
import { GoalView } from './goal.dto';
import { Goal, goalStatuses, horizons } from './goal.entity';

/** A goal of a tree. The fields are absent in goals that a breakdown omits. */
type TreeRow = Pick<GoalNode, 'id' | 'parent_goal_id' | 'progress' | 'counts_toward_parent'> &
  GoalNode['tasks'] & { fields: Partial<GoalNode> | null };

const targetDateNullsLastSql = nullsLastSql('goals.target_date');
const isNotTrashedSql = 'goals.deleted_at IS NULL';

/** What happens to the tasks of a deleted goal: they are kept without a goal, or moved to the trash. */
type TasksOfDeletedGoal = 'keep' | 'trash';

@Exported({ name: 'goals', view: GoalView, description: 'All goals, including those in the trash.' })
@Injectable()
export class GoalsRepository extends TrashRepository<GoalQuery> {
  constructor(
    database: Database,
    @InjectDataSource() dataSource: DataSource,
    private readonly tasks: TasksRepository,
  ) {
    super(database, dataSource, {
      entity: Goal,
      name: 'goal',
      fields: fieldsOf(GoalView),
      derived: { relevance: relevanceSql('goals') },
      isReachableSql: isNotTrashedSql,
      filters: {
        status: anyOf('goals.status'),
        horizon: anyOf('goals.horizon'),
        parent_goal_id: anyOf('goals.parent_goal_id'),
        project_name: anyOf('goals.project_name'),
        target_date: isAbsent('goals.target_date'),
        target_from: from('goals.target_date', targetDateNullsLastSql),
        target_before: before('goals.target_date', targetDateNullsLastSql),
        ...commonFilters('goals'),
        trashed: either('goals.deleted_at IS NOT NULL', isNotTrashedSql),
      },
      sorts: {
        created_at: 'timestamp',
        updated_at: 'timestamp',
        target_date: 'nullable timestamp',
        title: 'text',
        status: 'text',
        completed_at: 'nullable timestamp',
        deleted_at: 'nullable timestamp',
        relevance: 'integer',
      },
    });
  }

  /** @throws Problem 404 when the goal is missing */
  tasksOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.tasks.pageOfParent(this, id, { ...query, goal_id: [id] });
  }

  /** Counts of the goals that are not in the trash. */
  async summary(): Promise<JsonText> {
    const text = `
      WITH own AS (
        SELECT status, coalesce(horizon, 'none') AS horizon, progress FROM goals WHERE user_id = :user_id AND deleted_at IS NULL
      )
      SELECT json_build_object(
        'total', (SELECT count(*) FROM own),
        'by_status', ${countsBySql('own', 'status', 'unnest(:statuses::text[])')},
        'by_horizon', ${countsBySql('own', 'horizon', 'unnest(:horizons::text[])')},
        'average_progress', (SELECT round(avg(progress), 2) FROM own WHERE status = 'active'),
        'nearly_done', (SELECT count(*) FROM own WHERE status = 'active' AND progress >= 80)
      )::text AS json`;
    const values = { statuses: goalStatuses, horizons: [...horizons, 'none'] };
    const { rows } = await this.read({ rows: this.sql<JsonRow>(text, values) });
    return this.single(rows);
  }

  /**
   * A goal and its subgoals at every depth, each with counts of its direct tasks, level by level.
   * @param limit how many goals have fields: those closest to the root
   * @throws Problem 404
   */
  async tree(id: string, limit: number): Promise<GoalNode[]> {
    const columnsSql = 'g.id, g.parent_goal_id, g.progress, g.status, g.created_at';
    const text = `
      WITH RECURSIVE tree AS (
        SELECT ${columnsSql}, 0 AS depth FROM goals g WHERE g.user_id = :user_id AND g.id = :id AND g.deleted_at IS NULL
        UNION ALL
        SELECT ${columnsSql}, tree.depth + 1 FROM tree JOIN goals g ON g.user_id = :user_id AND g.parent_goal_id = tree.id
        WHERE g.deleted_at IS NULL
      ), numbered AS (
        SELECT *, row_number() OVER (ORDER BY depth, created_at, id) AS number FROM tree
      )
      SELECT n.id, n.parent_goal_id, n.progress::float8,
        n.progress IS NOT NULL AND counts_toward_progress(n.status) AS counts_toward_parent,
        c.total, c.completed, c.cancelled,
        CASE WHEN n.number <= :limit::integer THEN (
          SELECT json_build_object('title', g.title, 'horizon', g.horizon,
            'target_date', ${timestampAsTextSql('g.target_date')}, 'status', g.status, 'progress_mode', g.progress_mode)
          FROM goals g WHERE g.user_id = :user_id AND g.id = n.id
        ) END AS fields
      FROM numbered n CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE counts_toward_progress(t.status))::integer AS total,
          count(*) FILTER (WHERE t.status = 'completed')::integer AS completed,
          count(*) FILTER (WHERE t.status = 'cancelled')::integer AS cancelled
        FROM tasks t WHERE t.user_id = :user_id AND t.goal_id = n.id AND t.deleted_at IS NULL
      ) c ORDER BY n.number`;
    const { rows } = await this.read({ rows: this.sql<TreeRow>(text, { id, limit }) });
    this.requireRow(rows);
    return rows.map(({ total, completed, cancelled, fields, ...node }) => {
      return { ...node, ...fields, tasks: { total, completed, cancelled } } as GoalNode;
    });
  }

  /**
   * Moves a goal to the trash and unlinks its subgoals and tasks. It keeps its own parent.
   * @throws Problem 404
   */
  override async moveToTrash(id: string, tasks: TasksOfDeletedGoal = 'keep'): Promise<void> {
    const text = `UPDATE goals SET deleted_at = ${trashTimestampSql}
      WHERE user_id = :user_id AND id = :id AND deleted_at IS NULL RETURNING id`;
    // First, because restoring it finds its links among the changes that follow.
    const { rows } = await this.write({ rows: this.sql(text, { id }), ...this.unlinkStatements(id, tasks) });
    this.requireRow(rows);
  }

  /**
   * Restores a goal from the trash, with the tasks that were moved there by the same operation, and with the links of its
   * subgoals and tasks that were not linked elsewhere since.
   * @throws Problem 404 for a goal that is not in the trash · Problem 409 `quota_exceeded`
   */
  override async restore(id: string): Promise<JsonText> {
    const setGoalSql = `SELECT ${setFlagSql('restored_goal_id', 'id::text')} FROM goals
      WHERE user_id = :user_id AND id = :id AND deleted_at IS NOT NULL`;
    const restoreSql = `UPDATE goals SET deleted_at = NULL
      WHERE user_id = :user_id AND id = :id AND deleted_at IS NOT NULL RETURNING id`;
    // A goal can have been moved below one of its former subgoals. No trigger checks for cycles and depth here.
    const isNoAncestorSql = `goals.id <> ALL (ARRAY(
      WITH RECURSIVE above (id) AS (
        SELECT g.parent_goal_id FROM goals g WHERE g.user_id = :user_id AND g.id = :id AND g.parent_goal_id IS NOT NULL
        UNION ALL
        SELECT g.parent_goal_id FROM above JOIN goals g ON g.user_id = :user_id AND g.id = above.id
        WHERE g.parent_goal_id IS NOT NULL
      ) SELECT above.id FROM above))`;
    const refuseDepthSql = `
      WITH RECURSIVE above (id, depth) AS (
        SELECT :id::uuid, 1
        UNION ALL
        SELECT g.parent_goal_id, above.depth + 1 FROM above JOIN goals g ON g.user_id = :user_id AND g.id = above.id
        WHERE g.parent_goal_id IS NOT NULL
      ), tree (id, depth) AS (
        SELECT :id::uuid, (SELECT max(depth) FROM above)
        UNION ALL
        SELECT g.id, tree.depth + 1 FROM tree JOIN goals g ON g.user_id = :user_id AND g.parent_goal_id = tree.id
      )
      SELECT raise_quota_exceeded('goal_depth', quota_of('goal_depth')) FROM tree
      WHERE depth > quota_of('goal_depth') LIMIT 1`;
    const recomputeSql = `SELECT recompute_progress(user_id, array_remove(ARRAY[id, parent_goal_id], NULL))
      FROM goals WHERE user_id = :user_id AND id = :id`;
    const { restored, rows } = await this.write({
      // The tasks at the top are checked by the statement, and the others have parents that it restores too.
      skipParents: setFlag('restored_task_id', id),
      restoreTasks: this.tasks.restoreTasksOfGoal(id),
      clearParents: clearFlag('restored_task_id'),
      setGoal: this.sql(setGoalSql, { id }),
      restored: this.sql(restoreSql, { id }),
      linkGoals: this.sql(relinkSql('goals', 'parent_goal_id', 'goal', isNoAncestorSql), { id }),
      refuseDepth: this.sql(refuseDepthSql, { id }),
      linkTasks: this.tasks.relinkTasksOfGoal(id),
      clearGoal: clearFlag('restored_goal_id'),
      recompute: this.sql(recomputeSql, { id }),
      rows: this.selection(id),
    });
    this.requireRow(restored);
    return this.single(rows);
  }

  /**
   * Deletes a goal permanently, also from the trash. Its subgoals and tasks are unlinked.
   * @throws Problem 404
   */
  override async delete(id: string, tasks: TasksOfDeletedGoal = 'keep'): Promise<void> {
    // The goal itself is unlinked first, so that the progress of its parent is computed only once.
    const unlinkSql = 'UPDATE goals SET parent_goal_id = NULL WHERE user_id = :user_id AND id = :id';
    const { rows } = await this.write({
      unlink: this.sql(unlinkSql, { id }),
      ...this.unlinkStatements(id, tasks),
      rows: this.deleteStatement(id),
    });
    this.requireRow(rows);
  }

  /** Sets earlier values. Progress that is computed stays so: it follows the tasks and subgoals. */
  revert(id: string, { progress, ...values }: ColumnValues): Promise<JsonText> {
    const isManualSql = values.progress_mode === undefined ? `progress_mode = 'manual'` : 'true';
    const keptSql = `CASE WHEN ${isManualSql} THEN :progress::numeric ELSE progress END`;
    const isReverted = progress !== undefined && values.progress_mode !== 'computed';
    return this.update(id, {
      ...values,
      progress: isReverted ? new SqlValue(keptSql, { progress }) : undefined,
    });
  }

  /** The foreign keys would unlink too when a goal is deleted, but the history does not record their changes. */
  private unlinkStatements(id: string, tasks: TasksOfDeletedGoal) {
    const unlinkSql =
      'UPDATE goals SET parent_goal_id = NULL WHERE user_id = :user_id AND parent_goal_id = :id';
    return {
      unlinkGoals: this.sql(unlinkSql, { id }),
      trashTasks: tasks === 'trash' ? this.tasks.moveTasksOfGoalToTrash(id) : undefined,
      unlinkTasks: this.tasks.unlinkTasksOfGoal(id),
    };
  }
}
