import { Injectable } from '@nestjs/common';
import { Database, Row } from '../database/database';
import { absentLast } from '../database/keyset';
import { sql } from '../database/statement';
import { momentAsText } from '../database/view';
import { currentUser } from '../core/request-context';
import { isOpen } from '../tasks/tasks.repository';

/** Characters of a description: more would make the feed so large that writing it holds up all others. */
const maxDescription = 1000;

/** What is to be done or reached at some time. */
export interface Dated {
  id: string;
  title: string;
  description: string | null;
  /** A moment; or a plain date where it is the end of that day in the user's time zone. */
  due: string;
  priority: number | null;
  created_at: string;
  updated_at: string;
  version: number;
}

@Injectable()
export class CalendarRepository {
  constructor(private readonly database: Database) {}

  /** Open tasks and open goals, of each those that are due next, from some days ago on. */
  async due(days: number, limit: number): Promise<{ tasks: Dated[]; goals: Dated[] }> {
    const values = { ...currentUser(), days, limit };
    const [tasks = [], goals = []] = await this.database.read(
      sql(dated('due_date', 'priority', isOpen('tasks'), 'tasks'), values),
      sql(dated('target_date', 'NULL::smallint', `status IN ('active', 'on_hold')`, 'goals'), values),
    );
    return { tasks: tasks.map(asDated), goals: goals.map(asDated) };
  }
}

function dated(due: string, priority: string, condition: string, table: string): string {
  const place = absentLast(due);
  return `
    SELECT id, title, left(description, ${maxDescription}),
      CASE WHEN (${due} AT TIME ZONE timezone)::time = '23:59:59.999' THEN to_char(${due} AT TIME ZONE timezone, 'YYYY-MM-DD')
        ELSE ${momentAsText(due)} END,
      ${priority}, ${momentAsText('created_at')}, ${momentAsText('updated_at')}, version
    FROM ${table} CROSS JOIN (SELECT timezone FROM users WHERE id = :user_id) owner
    WHERE user_id = :user_id AND ${condition} AND ${due} IS NOT NULL AND ${place} >= now() - :days::integer * interval '1 day'
    ORDER BY ${place}, id LIMIT :limit::integer`;
}

function asDated(row: Row): Dated {
  const [id, title, description, due, priority, created_at, updated_at, version] = row as [
    ...[string, string, string | null, string, number | null, string, string, number],
  ];
  return { id, title, description, due, priority, created_at, updated_at, version };
}
