import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { anyOf, before, from, rowFilters } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import { absentLast } from '../database/keyset';
import { countsBy, momentAsText } from '../database/view';
import { sql } from '../database/statement';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import type { GoalNode } from './breakdown';
import { moveToTrash } from '../tasks/tasks.repository';
import { GoalQuery, GoalView } from './goal.dto';
import { Goal, goalStatuses, horizons } from './goal.entity';

const targetOrLast = absentLast('goals.target_date');

@Injectable()
export class GoalsRepository extends OwnedRepository<GoalQuery> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Goal,
      name: 'goal',
      view: GoalView,
      filters: {
        status: anyOf('goals.status'),
        horizon: anyOf('goals.horizon'),
        parent_goal_id: anyOf('goals.parent_goal_id'),
        project_name: anyOf('goals.project_name'),
        target_date: () => ({ sql: 'goals.target_date IS NULL' }),
        target_from: from('goals.target_date', targetOrLast),
        target_before: before('goals.target_date', targetOrLast),
        ...rowFilters('goals'),
      },
      sorts: {
        created_at: 'moment',
        updated_at: 'moment',
        target_date: 'moment or none',
        title: 'text',
        status: 'text',
        completed_at: 'moment or none',
      },
    });
  }

  async summary(): Promise<JsonText> {
    const text = `
      WITH mine AS (SELECT status, coalesce(horizon, 'none') AS horizon, progress FROM goals WHERE user_id = :user_id)
      SELECT json_build_object(
        'total', (SELECT count(*) FROM mine),
        'by_status', ${countsBy('mine', 'status', 'unnest(:statuses::text[])')},
        'by_horizon', ${countsBy('mine', 'horizon', 'unnest(:horizons::text[])')},
        'average_progress', (SELECT round(avg(progress), 2) FROM mine WHERE status = 'active'),
        'nearly_done', (SELECT count(*) FROM mine WHERE status = 'active' AND progress >= 80)
      )::text`;
    const values = { ...currentUser(), statuses: goalStatuses, horizons: [...horizons, 'none'] };
    const [rows = []] = await this.read(sql(text, values));
    return this.one(rows);
  }

  /** A goal and all below it, those above before those below, with counts of the tasks right under each. @throws Problem 404 */
  async tree(id: string): Promise<GoalNode[]> {
    const columns =
      'g.id, g.parent_goal_id, g.title, g.horizon, g.target_date, g.status, g.progress, g.progress_mode, g.created_at';
    const text = `
      WITH RECURSIVE tree AS (
        SELECT ${columns}, 0 AS depth FROM goals g WHERE g.user_id = :user_id AND g.id = :id
        UNION ALL
        SELECT ${columns}, tree.depth + 1 FROM tree JOIN goals g ON g.user_id = :user_id AND g.parent_goal_id = tree.id
      ), counts AS (
        SELECT t.goal_id, count(*) FILTER (WHERE t.status <> 'cancelled') AS total,
          count(*) FILTER (WHERE t.status = 'completed') AS completed, count(*) FILTER (WHERE t.status = 'cancelled') AS cancelled
        FROM tree JOIN tasks t ON t.user_id = :user_id AND t.goal_id = tree.id WHERE t.deleted_at IS NULL GROUP BY t.goal_id
      )
      SELECT json_build_object('id', tree.id, 'title', title, 'horizon', horizon, 'target_date', ${momentAsText('target_date')},
          'status', status, 'progress', progress, 'progress_mode', progress_mode, 'parent_goal_id', parent_goal_id,
          'tasks', json_build_object('total', coalesce(total, 0), 'completed', coalesce(completed, 0), 'cancelled', coalesce(cancelled, 0)))
      FROM tree LEFT JOIN counts ON counts.goal_id = tree.id ORDER BY depth, created_at, tree.id`;
    const [rows = []] = await this.read(sql(text, { ...currentUser(), id }));
    this.one(rows);
    return rows.map(([node]) => node as GoalNode);
  }

  /**
   * Its subgoals and tasks stay, without it.
   * @param tasks the tasks go to the trash, with their subtasks
   * @throws Problem 404
   */
  override async remove(id: string, tasks?: 'trash'): Promise<void> {
    const trash = moveToTrash('tasks.goal_id = :id', ', goal_id = nullif(goal_id, :id)');
    const values = { ...currentUser(), id };
    const unlink = `UPDATE goals SET parent_goal_id = NULL WHERE user_id = :user_id AND (id = :id OR parent_goal_id = :id)`;
    // Not left to the foreign keys: what they change is in nobody's history. First it leaves the goal above it, so that
    // what becomes of it then changes nothing there.
    const results = await this.write(
      sql(unlink, values),
      ...(tasks === 'trash' ? [sql(trash, values)] : []),
      sql('UPDATE tasks SET goal_id = NULL WHERE user_id = :user_id AND goal_id = :id', values),
      sql('DELETE FROM goals WHERE user_id = :user_id AND id = :id RETURNING id', values),
    );
    this.one(results.at(-1)!);
  }
}
