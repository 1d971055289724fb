import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { startOfDay } from '../database/filters';
import { absentLast } from '../database/keyset';
import { sql } from '../database/statement';
import { viewAsJson } from '../database/view';
import { GoalView } from '../goals/goal.dto';
import { Goal } from '../goals/goal.entity';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { TaskView } from '../tasks/task.dto';
import { Task } from '../tasks/task.entity';
import { derivedOfTask, isOpen } from '../tasks/tasks.repository';
import { period } from './period';

/** What a list shows of all that it counts. */
const shown = 10;

/** Days that the velocity is about, and those in which a task counts as completed lately. */
const [velocityDays, recentDays] = [30, 7];

/** A goal is at risk below this progress, with so many days to go. */
const [riskyProgress, riskyDays] = [20, 30];

/** What matters today, by one statement. */
@Injectable()
export class DashboardRepository {
  private readonly text: string;

  constructor(
    private readonly database: Database,
    @InjectDataSource() dataSource: DataSource,
  ) {
    const task = viewAsJson(dataSource.getMetadata(Task), TaskView, derivedOfTask);
    const goal = viewAsJson(dataSource.getMetadata(Goal), GoalView);
    const soonest = 'due_date, id';
    const monday = `date_trunc('week', today::timestamp)::date`;
    this.text = `
      WITH ${period(String(velocityDays))}, week AS (
        SELECT ${startOfDay(monday, 'timezone')} AS since, ${startOfDay(`${monday} + 7`, 'timezone')} AS until,
          ${startOfDay('today', 'timezone')} AS today_since, ${startOfDay(`today - ${recentDays - 1}`, 'timezone')} AS recent_since
        FROM period
      ), blocked AS MATERIALIZED (
        SELECT d.task_id AS id FROM task_dependencies d JOIN tasks needed ON needed.user_id = d.user_id AND needed.id = d.depends_on_id
        WHERE d.user_id = :user_id AND ${isOpen('needed')}
      ), open AS MATERIALIZED (
        SELECT id, due_date, updated_at, status, status = 'blocked' OR id IN (SELECT id FROM blocked) AS is_blocked FROM tasks
        WHERE user_id = :user_id AND deleted_at IS NULL AND status IN ('pending', 'in_progress', 'blocked')
      ), done AS MATERIALIZED (
        SELECT id, completed_at FROM tasks
        WHERE user_id = :user_id AND deleted_at IS NULL AND completed_at >= (SELECT since FROM period)
      ), active AS MATERIALIZED (
        SELECT id, target_date, ${absentLast('target_date')} AS target_or_last,
          coalesce(progress, 0) < ${riskyProgress} AND target_date < (SELECT ${startOfDay(`today + ${riskyDays + 1}`, 'timezone')} FROM period)
            AS is_at_risk
        FROM goals WHERE user_id = :user_id AND status = 'active'
      )
      SELECT json_build_object(
        'timezone', period.timezone,
        'today', period.today,
        'overdue', ${section('tasks', task, 'open', 'due_date < now()', soonest)},
        'due_today', ${section('tasks', task, 'open', 'due_date >= week.today_since AND due_date < period.until', soonest)},
        'due_this_week', ${section('tasks', task, 'open', 'due_date >= week.since AND due_date < week.until', soonest)},
        'in_progress', ${section('tasks', task, 'open', `status = 'in_progress'`, 'updated_at DESC, id DESC')},
        'blocked', ${section('tasks', task, 'open', 'is_blocked', 'updated_at DESC, id DESC')},
        'recently_completed', ${section('tasks', task, 'done', 'completed_at >= week.recent_since', 'completed_at DESC, id DESC')},
        'active_goals', ${section('goals', goal, 'active', 'true', 'target_or_last, id')},
        'goals_at_risk', ${section('goals', goal, 'active', 'is_at_risk', 'target_date, id')},
        'velocity', (
          SELECT json_build_object('days', ${velocityDays}, 'completed', count(*), 'average_per_day', round(count(*) / ${velocityDays}.0, 2))
          FROM done WHERE completed_at < period.until
        )
      )::text FROM period, week`;
  }

  async read(): Promise<JsonText> {
    const [[row] = []] = await this.database.read(sql(this.text, { ...currentUser() }));
    return new JsonText(row![0] as string);
  }
}

/**
 * SQL of a list: how many rows of a table expression there are, and the first ones as JSON.
 * @param table where they come from
 * @param json how one is shown
 */
function section(
  table: 'tasks' | 'goals',
  json: string,
  rows: string,
  condition: string,
  order: string,
): string {
  return `json_build_object(
    'count', (SELECT count(*) FROM ${rows} WHERE ${condition}),
    'items', (
      SELECT coalesce(json_agg((${json})::json ORDER BY first.place), '[]')
      FROM (
        SELECT id, row_number() OVER (ORDER BY ${order}) AS place FROM ${rows} WHERE ${condition} ORDER BY place LIMIT ${shown}
      ) first JOIN ${table} ON ${table}.user_id = :user_id AND ${table}.id = first.id
    ))`;
}
