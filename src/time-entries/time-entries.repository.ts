import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database';
import { anyOf, before, from } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import { sql } from '../database/statement';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { notFound } from '../core/problem';
import { TimeEntryQuery, TimeEntryView } from './time-entry.dto';
import { TimeEntry } from './time-entry.entity';

/** When an entry is, where it is not from now on: moments, or `hours` from a moment on, or up to now. */
export interface Span {
  started_at?: string;
  ended_at?: string;
  hours?: number;
}

@Injectable()
export class TimeEntriesRepository extends OwnedRepository<TimeEntryQuery & { task_id?: string[] }> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: TimeEntry,
      name: 'time entry',
      view: TimeEntryView,
      derived: {
        hours: 'round(extract(epoch FROM time_entries.ended_at - time_entries.started_at) / 3600, 2)',
      },
      filters: {
        task_id: anyOf('time_entries.task_id'),
        started_from: from('time_entries.started_at'),
        started_before: before('time_entries.started_at'),
      },
      sorts: { started_at: 'moment', created_at: 'moment' },
    });
  }

  /** @throws Problem 404 when the task is not there · Problem 422 for an end before the beginning */
  add(task_id: string, span: Span, note: string | null): Promise<JsonText> {
    const text = `
      INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at, note)
      SELECT t.user_id, :entry_id::uuid, t.id,
        coalesce(:started_at::timestamptz, now() - :hours::numeric * interval '1 hour'),
        coalesce(:ended_at::timestamptz, coalesce(:started_at::timestamptz + :hours::numeric * interval '1 hour', now())),
        :note::text
      FROM tasks t WHERE t.user_id = :user_id AND t.id = :task_id AND t.deleted_at IS NULL
      RETURNING ${this.json}`;
    return this.writeOne(text, { ...span, task_id, note });
  }

  /** @throws Problem 404 when the task is not there · Problem 409 `timer_running` when one runs already */
  start(task_id: string, note: string | null): Promise<JsonText> {
    const text = `
      INSERT INTO time_entries (user_id, id, task_id, started_at, note)
      SELECT t.user_id, :entry_id::uuid, t.id, now(), :note::text
      FROM tasks t WHERE t.user_id = :user_id AND t.id = :task_id AND t.deleted_at IS NULL
      RETURNING ${this.json}`;
    return this.writeOne(text, { task_id, note });
  }

  /** @returns undefined when no timer of the task runs */
  async stop(task_id: string): Promise<JsonText | undefined> {
    const text = `UPDATE time_entries SET ended_at = greatest(now(), started_at)
      WHERE user_id = :user_id AND task_id = :task_id AND ended_at IS NULL RETURNING ${this.json}`;
    const [[row] = []] = await this.write(sql(text, { ...currentUser(), task_id }));
    return row && new JsonText(row[0] as string);
  }

  /** @throws Problem 404 */
  async removeFrom(task_id: string, id: string): Promise<void> {
    const text =
      'DELETE FROM time_entries WHERE user_id = :user_id AND task_id = :task_id AND id = :id RETURNING id';
    const [rows = []] = await this.write(sql(text, { ...currentUser(), task_id, id }));
    this.one(rows);
  }

  private async writeOne(text: string, values: object): Promise<JsonText> {
    const [[row] = []] = await this.write(sql(text, { ...currentUser(), ...values, entry_id: uuidv7() }));
    if (!row) throw notFound('task');
    return new JsonText(row[0] as string);
  }
}
