import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { sql } from '../database/statement';
import { countsBy } from '../database/view';
import { horizons } from '../goals/goal.entity';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { taskStatuses } from '../tasks/task.entity';
import { period } from './period';

const lastDays = period(':days::integer');
const since = '(SELECT since FROM period)';
const until = '(SELECT until FROM period)';
const isInPeriod = (column: string) => `${column} >= ${since} AND ${column} < ${until}`;

/** What every answer begins with. */
const head = `'timezone', timezone, 'days', :days::integer, 'from', first_day, 'to', today`;

/** What is said of tasks and goals alike: `made` and `done` are table expressions, `done.due` the date that was set. */
const flow = `${head},
  'created', (SELECT count(*) FROM made),
  'completed', (SELECT count(*) FROM done),
  'completion_rate', (SELECT round(100.0 * count(*) FILTER (WHERE status = 'completed') / nullif(count(*), 0), 2) FROM made),
  'on_time', (SELECT count(*) FROM done WHERE completed_at <= due),
  'late', (SELECT count(*) FROM done WHERE completed_at > due),
  'on_time_rate', (SELECT round(100.0 * count(*) FILTER (WHERE completed_at <= due) / nullif(count(due), 0), 2) FROM done)`;

/** Tasks completed on each day of the period, also where none was. */
const perDay = `per_day AS (
  SELECT day::date AS date, count(t.completed_at) AS completed
  FROM period CROSS JOIN generate_series(first_day::timestamp, today::timestamp, interval '1 day') day
  LEFT JOIN (
    SELECT (completed_at AT TIME ZONE timezone)::date AS completed_on, completed_at FROM tasks CROSS JOIN period
    WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriod('completed_at')}
  ) t ON t.completed_on = day::date
  GROUP BY day
)`;

/** Figures of the last days of the current user. */
@Injectable()
export class AnalyticsRepository {
  constructor(private readonly database: Database) {}

  /** @param days 1–365; so in all others */
  tasks(days: number): Promise<JsonText> {
    const text = `
      WITH ${lastDays}, made AS MATERIALIZED (
        SELECT status FROM tasks WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriod('created_at')}
      ), done AS MATERIALIZED (
        SELECT created_at, completed_at, due_date AS due, priority, category, estimated_hours, actual_hours FROM tasks
        WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriod('completed_at')}
      ), measured AS (
        SELECT coalesce(sum(estimated_hours), 0) AS estimated, coalesce(sum(actual_hours), 0) AS actual FROM done
        WHERE estimated_hours IS NOT NULL AND actual_hours IS NOT NULL
      )
      SELECT json_build_object(${flow},
        'average_hours_to_complete', (SELECT round(avg(extract(epoch FROM greatest(completed_at - created_at, interval '0'))) / 3600, 2) FROM done),
        'estimated_hours', (SELECT estimated FROM measured),
        'actual_hours', (SELECT actual FROM measured),
        'by_status', ${countsBy('made', 'status', 'unnest(:statuses::text[])')},
        'by_priority', ${countsBy('done', 'priority', 'generate_series(1, 5)')},
        'by_category', (
          SELECT coalesce(json_object_agg(category, count ORDER BY count DESC, category), '{}')
          FROM (SELECT coalesce(category, 'none') AS category, count(*) FROM done GROUP BY 1) counts
        )
      )::text FROM period`;
    return this.read(text, days, { statuses: taskStatuses });
  }

  goals(days: number): Promise<JsonText> {
    const text = `
      WITH ${lastDays}, made AS (
        SELECT status FROM goals WHERE user_id = :user_id AND ${isInPeriod('created_at')}
      ), done AS (
        SELECT created_at, completed_at, target_date AS due, coalesce(horizon, 'none') AS horizon FROM goals
        WHERE user_id = :user_id AND ${isInPeriod('completed_at')}
      ), active AS (
        SELECT progress FROM goals WHERE user_id = :user_id AND status = 'active'
      )
      SELECT json_build_object(${flow},
        'average_days_to_complete', (SELECT round(avg(extract(epoch FROM greatest(completed_at - created_at, interval '0'))) / 86400, 2) FROM done),
        'active', (SELECT count(*) FROM active),
        'average_progress', (SELECT round(avg(progress), 2) FROM active),
        'by_horizon', ${countsBy('done', 'horizon', 'unnest(:horizons::text[])')}
      )::text FROM period`;
    return this.read(text, days, { horizons: [...horizons, 'none'] });
  }

  velocity(days: number): Promise<JsonText> {
    const half = (condition: string) => `(
      SELECT json_build_object('days', count(*), 'completed', coalesce(sum(completed), 0), 'average_per_day', coalesce(round(avg(completed), 2), 0))
      FROM per_day WHERE ${condition})`;
    const isFirst = `date < first_day + :days::integer / 2`;
    const text = `
      WITH ${lastDays}, ${perDay}, trend AS (
        SELECT avg(completed) FILTER (WHERE ${isFirst}) AS before, avg(completed) FILTER (WHERE NOT ${isFirst}) AS after
        FROM per_day CROSS JOIN period
      )
      SELECT json_build_object(${head},
        'completed', (SELECT sum(completed) FROM per_day),
        'average_per_day', (SELECT round(avg(completed), 2) FROM per_day),
        'best_day', (
          SELECT json_build_object('date', date, 'completed', completed) FROM per_day
          WHERE completed > 0 ORDER BY completed DESC, date DESC LIMIT 1
        ),
        'trend', json_build_object(
          'first_half', ${half(isFirst)}, 'second_half', ${half(`NOT ${isFirst}`)},
          'change', round(100 * (after - before) / nullif(before, 0), 2),
          'direction', CASE WHEN after > before THEN 'up' WHEN after < before THEN 'down' ELSE 'steady' END
        ),
        'per_day', (SELECT json_agg(json_build_object('date', date, 'completed', completed) ORDER BY date) FROM per_day)
      )::text FROM period CROSS JOIN trend`;
    return this.read(text, days);
  }

  trends(days: number): Promise<JsonText> {
    const perWeek = (column: string) => `(
      SELECT date_trunc('week', ${column} AT TIME ZONE timezone) AS monday, count(*) AS count
      FROM tasks CROSS JOIN period
      WHERE user_id = :user_id AND deleted_at IS NULL AND ${isInPeriod(column)} GROUP BY 1)`;
    const text = `
      WITH ${lastDays}, per_week AS (
        SELECT greatest(monday::date, first_day) AS week_from, least(monday::date + 6, today) AS week_to,
          coalesce(made.count, 0) AS created, coalesce(done.count, 0) AS completed
        FROM period
        CROSS JOIN generate_series(date_trunc('week', first_day::timestamp), today::timestamp, interval '7 days') monday
        LEFT JOIN ${perWeek('created_at')} made USING (monday)
        LEFT JOIN ${perWeek('completed_at')} done USING (monday)
      )
      SELECT json_build_object(${head}, 'per_week', (
        SELECT json_agg(json_build_object('from', week_from, 'to', week_to, 'created', created, 'completed', completed,
          'growth', created - completed) ORDER BY week_from) FROM per_week
      ))::text FROM period`;
    return this.read(text, days);
  }

  private async read(text: string, days: number, values: object = {}): Promise<JsonText> {
    const [[row] = []] = await this.database.read(sql(text, { ...currentUser(), ...values, days: days }));
    return new JsonText(row![0] as string);
  }
}
