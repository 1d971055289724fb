import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { JsonPage, JsonText } from '../core/json-text';
import { Database } from '../database/database';
import { anyOf, before, commonFilters, from, isAbsent } from '../database/filters';
import { nullsLastSql } from '../database/keyset';
import { OwnedRepository } from '../database/owned.repository';
import { countsBySql, timestampAsTextSql } from '../database/row-json';
import type { JsonRow } from '../database/statement-builder';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import type { TaskQuery } from '../tasks/task-query.dto';
import { TasksRepository } from '../tasks/tasks.repository';
import type { GoalNode } from './breakdown';
import { GoalQuery } from './goal-query.dto';
import { GoalView } from './goal.dto';
import { Goal, goalStatuses, horizons } from './goal.entity';

/** A goal of a tree. The fields are absent in goals that a breakdown omits. */
type TreeRow = Pick<GoalNode, 'id' | 'parent_goal_id' | 'progress' | 'counts_toward_parent'> &
  GoalNode['tasks'] & { fields: Partial<GoalNode> | null };

const targetDateNullsLastSql = nullsLastSql('goals.target_date');

@Exported({ name: 'goals', view: GoalView, description: 'All goals.' })
@Injectable()
export class GoalsRepository extends OwnedRepository<GoalQuery> {
  constructor(
    database: Database,
    @InjectDataSource() dataSource: DataSource,
    private readonly tasks: TasksRepository,
  ) {
    super(database, dataSource, {
      entity: Goal,
      name: 'goal',
      fields: fieldsOf(GoalView),
      filters: {
        status: anyOf('goals.status'),
        horizon: anyOf('goals.horizon'),
        parent_goal_id: anyOf('goals.parent_goal_id'),
        project_name: anyOf('goals.project_name'),
        target_date: isAbsent('goals.target_date'),
        target_from: from('goals.target_date', targetDateNullsLastSql),
        target_before: before('goals.target_date', targetDateNullsLastSql),
        ...commonFilters('goals'),
      },
      sorts: {
        created_at: 'timestamp',
        updated_at: 'timestamp',
        target_date: 'nullable timestamp',
        title: 'text',
        status: 'text',
        completed_at: 'nullable timestamp',
      },
    });
  }

  /** @throws Problem 404 when the goal is missing */
  tasksOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.tasks.pageOfParent(this, id, { ...query, goal_id: [id] });
  }

  async summary(): Promise<JsonText> {
    const text = `
      WITH own AS (SELECT status, coalesce(horizon, 'none') AS horizon, progress FROM goals WHERE user_id = :user_id)
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
        SELECT ${columnsSql}, 0 AS depth FROM goals g WHERE g.user_id = :user_id AND g.id = :id
        UNION ALL
        SELECT ${columnsSql}, tree.depth + 1 FROM tree JOIN goals g ON g.user_id = :user_id AND g.parent_goal_id = tree.id
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
   * Deletes a goal. Its subgoals and tasks are kept and unlinked, or its tasks are moved to the trash with their subtasks.
   * @throws Problem 404
   */
  async deleteGoal(id: string, tasks: 'keep' | 'trash'): Promise<void> {
    const unlinkGoalsSql = `UPDATE goals SET parent_goal_id = NULL
      WHERE user_id = :user_id AND (id = :id OR parent_goal_id = :id)`;
    // The foreign keys would unlink too, but their changes are not recorded in the history. The goal itself is unlinked
    // first, so that the progress of its parent is computed only once.
    const { rows } = await this.write({
      unlinkGoals: this.sql(unlinkGoalsSql, { id }),
      trashTasks: tasks === 'trash' ? this.tasks.moveTasksOfGoalToTrash(id) : undefined,
      unlinkTasks: this.tasks.unlinkTasksOfGoal(id),
      rows: this.deleteStatement(id),
    });
    this.requireRow(rows);
  }
}
