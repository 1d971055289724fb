import { Injectable } from '@nestjs/common';
import { currentUser } from '../core/request-context';
import { Database } from '../database/database';
import { nullsLastSql } from '../database/keyset';
import { timestampAsTextSql } from '../database/row-json';
import { sql, Statement } from '../database/statement';

/** Characters of a description: longer ones would make the feed so large that writing it delays other requests. */
const maxDescription = 1000;

/** A task or a goal with a date. */
export interface CalendarEntry {
  id: string;
  title: string;
  description: string | null;
  /** A timestamp, or a plain date where the timestamp is the end of that day in the user's time zone. */
  due: string;
  priority: number | null;
  created_at: string;
  updated_at: string;
  version: number;
}

@Injectable()
export class CalendarRepository {
  constructor(private readonly database: Database) {}

  /**
   * Open tasks and open goals by due date.
   * @param overdueDays how long overdue entries are included
   * @param limit how many tasks and how many goals at most
   */
  async upcoming(
    overdueDays: number,
    limit: number,
  ): Promise<{ tasks: CalendarEntry[]; goals: CalendarEntry[] }> {
    const parameters = { user_id: currentUser().userId, days: overdueDays, limit };
    return this.database.read({
      tasks: upcomingEntries('tasks', 'due_date', 'priority', 'task_is_open(status, deleted_at)', parameters),
      goals: upcomingEntries('goals', 'target_date', 'NULL::smallint', 'goal_is_open(status)', parameters),
    });
  }
}

function upcomingEntries(
  table: 'tasks' | 'goals',
  due: string,
  prioritySql: string,
  isOpen: string,
  parameters: object,
): Statement<CalendarEntry> {
  const sortKey = nullsLastSql(due);
  const text = `
    SELECT id, title, left(description, ${maxDescription}) AS description,
      CASE WHEN (${due} AT TIME ZONE timezone)::time = '23:59:59.999' THEN to_char(${due} AT TIME ZONE timezone, 'YYYY-MM-DD')
        ELSE ${timestampAsTextSql(due)} END AS due,
      ${prioritySql} AS priority,
      ${timestampAsTextSql('created_at')} AS created_at, ${timestampAsTextSql('updated_at')} AS updated_at, version
    FROM ${table} CROSS JOIN (SELECT timezone FROM users WHERE id = :user_id) owner
    WHERE user_id = :user_id AND ${isOpen} AND ${due} IS NOT NULL AND ${sortKey} >= now() - :days::integer * interval '1 day'
    ORDER BY ${sortKey}, id LIMIT :limit::integer`;
  return sql<CalendarEntry>(text, { ...parameters });
}
