import { startOfDaySql } from '../database/filters';

/**
 * SQL of a table expression `period` with one row: the last days including today, in the current user's time zone. A day
 * can have 23 or 25 hours.
 * @param daysSql SQL of the number of days
 */
export function periodSql(daysSql: string): string {
  return `period AS (
    SELECT timezone, first_day, today,
      ${startOfDaySql('first_day', 'timezone')} AS since,
      ${startOfDaySql('today + 1', 'timezone')} AS until
    FROM (
      SELECT u.timezone, (now() AT TIME ZONE u.timezone)::date AS today,
        (now() AT TIME ZONE u.timezone)::date - (${daysSql} - 1) AS first_day
      FROM users u WHERE u.id = :user_id
    ) days
  )`;
}
