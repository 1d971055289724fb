import { Injectable } from '@nestjs/common';
import { currentUser } from '../core/request-context';
import { Database } from '../database/database';
import { nullsLastSql } from '../database/keyset';
import { timestampAsTextSql } from '../database/row-json';
import { sql, Statement } from '../database/statement';

/** Characters of a description. Writing a feed with longer ones would delay other requests. */
const maxDescriptionLength = 1000;

/** Characters of all descriptions of tasks, and of goals. Later entries have none: a feed is kept in memory until it is sent. */
const maxDescriptionsLength = 500_000;

/** A task or a goal with a date. */
export interface CalendarEntry {
  id: string;
  title: string;
  description: string | null;
  /** A timestamp, or a plain date if the timestamp is the end of a day in the user's time zone. */
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
   * @param overdueDays days for which overdue entries are included
   * @param limit maximum number of tasks and of goals
   */
  async upcoming(
    overdueDays: number,
    limit: number,
  ): Promise<{ tasks: CalendarEntry[]; goals: CalendarEntry[] }> {
    const parameters = { user_id: currentUser().userId, days: overdueDays, limit };
    return this.database.read({
      tasks: upcomingEntries('tasks', 'due_date', 'priority', 'task_is_open(status, deleted_at)', parameters),
      goals: upcomingEntries(
        'goals',
        'target_date',
        'NULL::smallint',
        'goal_is_open(status) AND deleted_at IS NULL',
        parameters,
      ),
    });
  }
}

function upcomingEntries(
  table: 'tasks' | 'goals',
  dueColumn: string,
  prioritySql: string,
  isOpenSql: string,
  parameters: object,
): Statement<CalendarEntry> {
  const sortKeySql = nullsLastSql(dueColumn);
  const text = `
    SELECT id, title, due, priority, created_at, updated_at, version,
      CASE WHEN sum(length(beginning)) OVER (ROWS UNBOUNDED PRECEDING) <= ${maxDescriptionsLength} THEN beginning END AS description
    FROM (SELECT id, title, left(description, ${maxDescriptionLength}) AS beginning,
      CASE WHEN (${dueColumn} AT TIME ZONE timezone)::time = '23:59:59.999' THEN to_char(${dueColumn} AT TIME ZONE timezone, 'YYYY-MM-DD')
        ELSE ${timestampAsTextSql(dueColumn)} END AS due,
      ${prioritySql} AS priority,
      ${timestampAsTextSql('created_at')} AS created_at, ${timestampAsTextSql('updated_at')} AS updated_at, version
    FROM ${table} CROSS JOIN (SELECT timezone FROM users WHERE id = :user_id) owner
    WHERE user_id = :user_id AND ${isOpenSql} AND ${dueColumn} IS NOT NULL AND ${sortKeySql} >= now() - :days::integer * interval '1 day'
    ORDER BY ${sortKeySql}, id LIMIT :limit::integer) upcoming`;
  return sql<CalendarEntry>(text, { ...parameters });
}
