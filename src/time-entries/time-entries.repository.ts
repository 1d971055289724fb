import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { JsonPage, JsonText } from '../core/json-text';
import { notFound } from '../core/problem';
import { Database } from '../database/database';
import { anyOf, before, from } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import type { JsonRow } from '../database/statement-builder';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { TasksRepository } from '../tasks/tasks.repository';
import { TimeEntryQuery, TimeEntryView } from './time-entry.dto';
import { TimeEntry } from './time-entry.entity';

/** Start and end, or `hours` that start at `started_at` or end now. */
interface TimeSpan {
  started_at?: string;
  ended_at?: string;
  hours?: number;
}

@Exported({ name: 'time_entries', view: TimeEntryView, description: 'All time entries.' })
@Injectable()
export class TimeEntriesRepository extends OwnedRepository<TimeEntryQuery & { task_id?: string[] }> {
  constructor(
    database: Database,
    @InjectDataSource() dataSource: DataSource,
    private readonly tasks: TasksRepository,
  ) {
    super(database, dataSource, {
      entity: TimeEntry,
      name: 'time entry',
      fields: fieldsOf(TimeEntryView),
      derived: {
        hours: 'round(extract(epoch FROM time_entries.ended_at - time_entries.started_at) / 3600, 2)',
      },
      filters: {
        task_id: anyOf('time_entries.task_id'),
        started_from: from('time_entries.started_at'),
        started_before: before('time_entries.started_at'),
      },
      sorts: { started_at: 'timestamp', created_at: 'timestamp' },
    });
  }

  /** @throws Problem 404 if the task is missing */
  listOfTask(taskId: string, query: TimeEntryQuery): Promise<JsonPage> {
    return this.pageOfParent(this.tasks, taskId, { ...query, task_id: [taskId] });
  }

  /** @throws Problem 404 if the task is missing · Problem 409 `id_taken` · Problem 422 if the entry ends before it starts */
  create(taskId: string, span: TimeSpan, note: string | null, id?: string): Promise<JsonText> {
    const startSql = `coalesce(:started_at::timestamptz, now() - :hours::numeric * interval '1 hour')`;
    const endSql = `coalesce(:ended_at::timestamptz, :started_at::timestamptz + :hours::numeric * interval '1 hour', now())`;
    return this.insertEntry(taskId, note, startSql, endSql, span, id);
  }

  /** Starts the timer. @throws Problem 404 if the task is missing · Problem 409 `timer_running` */
  startTimer(taskId: string, note: string | null): Promise<JsonText> {
    return this.insertEntry(taskId, note, 'now()', 'NULL', {});
  }

  /** Stops the timer. @returns undefined if no timer of the task is running */
  async stopTimer(taskId: string): Promise<JsonText | undefined> {
    const text = `UPDATE time_entries SET ended_at = greatest(now(), started_at)
      WHERE user_id = :user_id AND task_id = :task_id AND ended_at IS NULL RETURNING ${this.statements.returningSql}`;
    const { rows } = await this.write({ rows: this.sql<JsonRow>(text, { task_id: taskId }) });
    return rows[0] && new JsonText(rows[0].json);
  }

  /** @throws Problem 404 */
  async deleteOfTask(taskId: string, id: string): Promise<void> {
    const text =
      'DELETE FROM time_entries WHERE user_id = :user_id AND task_id = :task_id AND id = :id RETURNING id';
    const { rows } = await this.write({ rows: this.sql(text, { task_id: taskId, id }) });
    this.requireRow(rows);
  }

  /** Inserts an entry unless the task is missing. @param span the parameters of `startSql` and `endSql` */
  private async insertEntry(
    taskId: string,
    note: string | null,
    startSql: string,
    endSql: string,
    span: TimeSpan,
    id: string = uuidv7(),
  ): Promise<JsonText> {
    const text = `
      INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at, note)
      SELECT t.user_id, :entry_id::uuid, t.id, ${startSql}, ${endSql}, :note::text
      FROM tasks t WHERE t.user_id = :user_id AND t.id = :task_id AND t.deleted_at IS NULL
      RETURNING ${this.statements.returningSql}`;
    const values = { ...span, entry_id: id, task_id: taskId, note };
    const { rows } = await this.write({ rows: this.sql<JsonRow>(text, values) });
    if (!rows[0]) throw notFound('task');
    return new JsonText(rows[0].json);
  }
}
