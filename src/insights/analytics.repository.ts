import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { currentUser } from '../core/request-context';
import { Database } from '../database/database';
import { countsByOccurringValueSql, countsBySql } from '../database/row-json';
import { sql } from '../database/statement';
import type { JsonRow } from '../database/statement-builder';
import { horizons } from '../goals/goal.entity';
import { taskStatuses } from '../tasks/task.entity';
import { periodSql } from './period-sql';

const lastDaysSql = periodSql(':days::integer');

/** SQL condition for timestamps within the period. */
const isInPeriodSql = (column: string) =>
  `${column} >= (SELECT since FROM period) AND ${column} < (SELECT until FROM period)`;

/** The first members of every response. */
const periodMembersSql = `'timezone', timezone, 'days', :days::integer, 'from', first_day, 'to', today`;

/**
 * The members of both task and goal statistics. `created` and `completed` are table expressions, `completed.due` is the
 * due date or target date.
 */
const statisticsMembersSql = `${periodMembersSql},
  'created', (SELECT count(*) FROM created),
  'completed', (SELECT count(*) FROM completed),
  'completion_rate', (SELECT round(100.0 * count(*) FILTER (WHERE status = 'completed') / nullif(count(*), 0), 2) FROM created),
  'on_time', (SELECT count(*) FROM completed WHERE completed_at <= due),
  'late', (SELECT count(*) FROM completed WHERE completed_at > due),
  'on_time_rate', (SELECT round(100.0 * count(*) FILTER (WHERE completed_at <= due) / nullif(count(due), 0), 2) FROM completed)`;

/** Counts of completed tasks for every day of the period. */
const perDaySql = `per_day AS (
  SELECT day::date AS date, count(t.completed_at) AS completed
  FROM period CROSS JOIN generate_series(first_day::timestamp, today::timestamp, interval '1 day') day
  LEFT JOIN (
    SELECT (completed_at AT TIME ZONE timezone)::date AS completed_on, completed_at FROM tasks CROSS JOIN period
    WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriodSql('completed_at')}
  ) t ON t.completed_on = day::date
  GROUP BY day
)`;

/** Statistics about the current user's tasks and goals over a number of days. */
@Injectable()
export class AnalyticsRepository {
  constructor(private readonly database: Database) {}

  /** @param days 1–365, also in the other methods */
  tasks(days: number): Promise<JsonText> {
    const text = `
      WITH ${lastDaysSql}, created AS MATERIALIZED (
        SELECT status FROM tasks WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriodSql('created_at')}
      ), completed AS MATERIALIZED (
        SELECT created_at, completed_at, due_date AS due, priority, category, estimated_hours, actual_hours FROM tasks
        WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriodSql('completed_at')}
      ), measured AS (
        SELECT coalesce(sum(estimated_hours), 0) AS estimated, coalesce(sum(actual_hours), 0) AS actual FROM completed
        WHERE estimated_hours IS NOT NULL AND actual_hours IS NOT NULL
      )
      SELECT json_build_object(${statisticsMembersSql},
        'average_hours_to_complete', (SELECT round(avg(extract(epoch FROM greatest(completed_at - created_at, interval '0'))) / 3600, 2) FROM completed),
        'estimated_hours', (SELECT estimated FROM measured),
        'actual_hours', (SELECT actual FROM measured),
        'by_status', ${countsBySql('created', 'status', 'unnest(:statuses::text[])')},
        'by_priority', ${countsBySql('completed', 'priority', 'generate_series(1, 5)')},
        'by_category', ${countsByOccurringValueSql('completed', 'category')}
      )::text AS json FROM period`;
    return this.read(text, days, { statuses: taskStatuses });
  }

  goals(days: number): Promise<JsonText> {
    const text = `
      WITH ${lastDaysSql}, created AS (
        SELECT status FROM goals WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriodSql('created_at')}
      ), completed AS (
        SELECT created_at, completed_at, target_date AS due, coalesce(horizon, 'none') AS horizon FROM goals
        WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriodSql('completed_at')}
      ), active AS (
        SELECT progress FROM goals WHERE user_id = :user_id AND deleted_at IS NULL AND status = 'active'
      )
      SELECT json_build_object(${statisticsMembersSql},
        'average_days_to_complete', (SELECT round(avg(extract(epoch FROM greatest(completed_at - created_at, interval '0'))) / 86400, 2) FROM completed),
        'active', (SELECT count(*) FROM active),
        'average_progress', (SELECT round(avg(progress), 2) FROM active),
        'by_horizon', ${countsBySql('completed', 'horizon', 'unnest(:horizons::text[])')}
      )::text AS json FROM period`;
    return this.read(text, days, { horizons: [...horizons, 'none'] });
  }

  velocity(days: number): Promise<JsonText> {
    const halfSql = (conditionSql: string) => `(
      SELECT json_build_object('days', count(*), 'completed', coalesce(sum(completed), 0), 'average_per_day', coalesce(round(avg(completed), 2), 0))
      FROM per_day WHERE ${conditionSql})`;
    const isInFirstHalfSql = `date < first_day + :days::integer / 2`;
    const text = `
      WITH ${lastDaysSql}, ${perDaySql}, trend AS (
        SELECT avg(completed) FILTER (WHERE ${isInFirstHalfSql}) AS before, avg(completed) FILTER (WHERE NOT ${isInFirstHalfSql}) AS after
        FROM per_day CROSS JOIN period
      )
      SELECT json_build_object(${periodMembersSql},
        'completed', (SELECT sum(completed) FROM per_day),
        'average_per_day', (SELECT round(avg(completed), 2) FROM per_day),
        'best_day', (
          SELECT json_build_object('date', date, 'completed', completed) FROM per_day
          WHERE completed > 0 ORDER BY completed DESC, date DESC LIMIT 1
        ),
        'trend', json_build_object(
          'first_half', ${halfSql(isInFirstHalfSql)}, 'second_half', ${halfSql(`NOT ${isInFirstHalfSql}`)},
          'change', round(100 * (after - before) / nullif(before, 0), 2),
          'direction', CASE WHEN after > before THEN 'up' WHEN after < before THEN 'down' ELSE 'steady' END
        ),
        'per_day', (SELECT json_agg(json_build_object('date', date, 'completed', completed) ORDER BY date) FROM per_day)
      )::text AS json FROM period CROSS JOIN trend`;
    return this.read(text, days);
  }

  trends(days: number): Promise<JsonText> {
    const perWeekSql = (column: string) => `(
      SELECT date_trunc('week', ${column} AT TIME ZONE timezone) AS monday, count(*) AS count
      FROM tasks CROSS JOIN period
      WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriodSql(column)} GROUP BY 1)`;
    const text = `
      WITH ${lastDaysSql}, per_week AS (
        SELECT greatest(monday::date, first_day) AS week_from, least(monday::date + 6, today) AS week_to,
          coalesce(created.count, 0) AS created, coalesce(completed.count, 0) AS completed
        FROM period
        CROSS JOIN generate_series(date_trunc('week', first_day::timestamp), today::timestamp, interval '7 days') monday
        LEFT JOIN ${perWeekSql('created_at')} created USING (monday)
        LEFT JOIN ${perWeekSql('completed_at')} completed USING (monday)
      )
      SELECT json_build_object(${periodMembersSql}, 'per_week', (
        SELECT json_agg(json_build_object('from', week_from, 'to', week_to, 'created', created, 'completed', completed,
          'growth', created - completed) ORDER BY week_from) FROM per_week
      ))::text AS json FROM period`;
    return this.read(text, days);
  }

  private async read(text: string, days: number, values: object = {}): Promise<JsonText> {
    const statement = sql<JsonRow>(text, { ...values, days, user_id: currentUser().userId });
    const { rows } = await this.database.read({ rows: statement });
    return new JsonText(rows[0]!.json);
  }
}
