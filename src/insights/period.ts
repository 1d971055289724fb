import { startOfDay } from '../database/filters';

/**
 * SQL of a table expression `period` of one row: the last days of the current user, today included, in the user's time
 * zone. A day may have 23 or 25 hours.
 * @param days SQL of how many
 */
export function period(days: string): string {
  return `period AS (
    SELECT timezone, first_day, today,
      ${startOfDay('first_day', 'timezone')} AS since,
      ${startOfDay('today + 1', 'timezone')} AS until
    FROM (
      SELECT u.timezone, (now() AT TIME ZONE u.timezone)::date AS today,
        (now() AT TIME ZONE u.timezone)::date - (${days} - 1) AS first_day
      FROM users u WHERE u.id = :user_id
    ) days
  )`;
}
