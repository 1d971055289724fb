import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { JsonPage, JsonText } from '../core/json-text';
import { notFound } from '../core/problem';
import { Database } from '../database/database';
import { anyOf, before, either, from } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import { sql, Statement } from '../database/statement';
import type { JsonRow } from '../database/statement-builder';
import { SqlValue } from '../database/table.repository';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { TasksRepository } from '../tasks/tasks.repository';
import { AllTimeEntriesQuery, PatchTimeEntry, TimeEntryQuery, TimeEntryView } from './time-entry.dto';
import { TimeEntry } from './time-entry.entity';

/** Start and end, or `hours` that start at `started_at` or end now. */
interface TimeSpan {
  started_at?: string;
  ended_at?: string;
  hours?: number;
}

/** SQL condition for the entry `:id` of the task `:task_id`. */
const isOfTaskSql = 'time_entries.id = :id AND time_entries.task_id = :task_id';

/** SQL that stops the running timer. More conditions can follow. */
const stopTimerSql = `UPDATE time_entries SET ended_at = greatest(now(), started_at)
  WHERE user_id = :user_id AND ended_at IS NULL`;

/** The tasks in the totals. */
const maxTasks = 200;

@Exported({ name: 'time_entries', view: TimeEntryView, description: 'All time entries.' })
@Injectable()
export class TimeEntriesRepository extends OwnedRepository<AllTimeEntriesQuery> {
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
        running: either('time_entries.ended_at IS NULL', 'time_entries.ended_at IS NOT NULL'),
      },
      sorts: { started_at: 'timestamp', created_at: 'timestamp' },
    });
  }

  /** @throws Problem 404 if the task is missing */
  listOfTask(taskId: string, query: TimeEntryQuery): Promise<JsonPage> {
    return this.pageOfParent(this.tasks, taskId, { ...query, task_id: [taskId] });
  }

  /** A page, and the hours of all ended entries that match its filters. */
  pageWithTotals(query: AllTimeEntriesQuery): Promise<JsonPage> {
    const filters = this.filterFragments(query);
    const text = `
      WITH counted AS MATERIALIZED (
        SELECT time_entries.task_id, (time_entries.started_at AT TIME ZONE owner.timezone)::date AS date,
          extract(epoch FROM time_entries.ended_at - time_entries.started_at) AS seconds
        FROM time_entries CROSS JOIN (SELECT timezone FROM users WHERE id = :user_id) owner
        WHERE ${this.where('time_entries.ended_at IS NOT NULL', ...filters.map(({ sql }) => sql))}
      ), by_day AS (
        SELECT date, round(sum(seconds) / 3600, 2) AS hours FROM counted GROUP BY date
      ), by_task AS (
        SELECT task_id, round(sum(seconds) / 3600, 2) AS hours FROM counted GROUP BY task_id
        ORDER BY sum(seconds) DESC, task_id LIMIT ${maxTasks}
      )
      SELECT json_build_object(
        'hours', (SELECT coalesce(round(sum(seconds) / 3600, 2), 0) FROM counted),
        'by_day', (
          SELECT coalesce(json_agg(json_build_object('date', date, 'hours', hours) ORDER BY date), '[]') FROM by_day
        ),
        'by_task', (
          SELECT coalesce(json_agg(json_build_object('task_id', t.id, 'title', t.title, 'hours', b.hours)
            ORDER BY b.hours DESC, t.id), '[]')
          FROM by_task b JOIN tasks t ON t.user_id = :user_id AND t.id = b.task_id
        ),
        'omitted_tasks', (SELECT greatest(count(DISTINCT task_id) - ${maxTasks}, 0) FROM counted)
      )::text AS json`;
    return this.database.readTransaction(async () => {
      const { items, nextCursor } = await this.page(query);
      const { rows } = await this.read({ rows: sql<JsonRow>(text, this.parametersOf(filters)) });
      return new JsonPage(items, nextCursor, undefined, this.single(rows));
    });
  }

  /** The entry of the running timer. @returns undefined if no timer is running */
  async findRunning(): Promise<JsonText | undefined> {
    const where = this.where('time_entries.ended_at IS NULL');
    const { rows } = await this.read({ rows: this.statements.select(where, this.parameters({})) });
    return rows[0] && new JsonText(rows[0].json);
  }

  /** @throws Problem 404 if the task is missing · Problem 409 `id_taken` · Problem 422 if the entry ends before it starts */
  create(taskId: string, span: TimeSpan, note: string | null, id?: string): Promise<JsonText> {
    const startSql = `coalesce(:started_at::timestamptz, now() - :hours::numeric * interval '1 hour')`;
    const endSql = `coalesce(:ended_at::timestamptz, :started_at::timestamptz + :hours::numeric * interval '1 hour', now())`;
    return this.insertEntry(taskId, note, startSql, endSql, span, { id });
  }

  /**
   * Updates an entry of a task, which can also be in the trash.
   * @returns undefined if there is no such entry, or if it would end before it starts
   */
  async updateOfTask(taskId: string, id: string, values: PatchTimeEntry): Promise<JsonText | undefined> {
    const { columns, parameters } = this.assignments({
      note: values.note,
      started_at: timestampValue('started_at', values.started_at),
      ended_at: timestampValue('ended_at', values.ended_at),
    });
    const { started_at = 'time_entries.started_at', ended_at = 'time_entries.ended_at' } = columns;
    const where = this.where(isOfTaskSql, `coalesce(${ended_at} >= ${started_at}, true)`);
    const all = this.parameters({ ...parameters, id, task_id: taskId });
    // Without new values, the statement cannot be an update.
    const statement =
      Object.keys(columns).length > 0
        ? this.statements.update(columns, where, all)
        : this.statements.select(where, all);
    const { rows } = await this.write({ rows: statement });
    return rows[0] && new JsonText(rows[0].json);
  }

  /** @throws Problem 404 unless the task has such an entry */
  async requireEntry(taskId: string, id: string): Promise<void> {
    const where = this.where(isOfTaskSql);
    const statement = this.statements.select(where, this.parameters({ id, task_id: taskId }));
    this.requireRow((await this.read({ rows: statement })).rows);
  }

  /**
   * Starts the timer.
   * @param stopsRunning first stops a running timer, of any task
   * @throws Problem 404 if the task is missing, and then nothing is stopped · Problem 409 `timer_running`
   */
  startTimer(taskId: string, note: string | null, stopsRunning: boolean): Promise<JsonText> {
    const stopSql = `${stopTimerSql} AND EXISTS (SELECT FROM tasks t
      WHERE t.user_id = :user_id AND t.id = :task_id AND t.deleted_at IS NULL)`;
    const stop = stopsRunning ? this.sql(stopSql, { task_id: taskId }) : undefined;
    return this.insertEntry(taskId, note, 'now()', 'NULL', {}, { before: stop });
  }

  /** Stops the timer. @returns undefined if no timer of the task is running */
  async stopTimer(taskId: string): Promise<JsonText | undefined> {
    const text = `${stopTimerSql} AND task_id = :task_id RETURNING ${this.statements.returningSql}`;
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

  /**
   * Inserts an entry unless the task is missing.
   * @param span the parameters of `startSql` and `endSql` · @param before a statement to run first
   */
  private async insertEntry(
    taskId: string,
    note: string | null,
    startSql: string,
    endSql: string,
    span: TimeSpan,
    { id = uuidv7(), before }: { id?: string; before?: Statement } = {},
  ): Promise<JsonText> {
    const text = `
      INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at, note)
      SELECT t.user_id, :entry_id::uuid, t.id, ${startSql}, ${endSql}, :note::text
      FROM tasks t WHERE t.user_id = :user_id AND t.id = :task_id AND t.deleted_at IS NULL
      RETURNING ${this.statements.returningSql}`;
    const values = { ...span, entry_id: id, task_id: taskId, note };
    const { rows } = await this.write({ before, rows: this.sql<JsonRow>(text, values) });
    if (!rows[0]) throw notFound('task');
    return new JsonText(rows[0].json);
  }
}

/** A new value of a timestamp, of which a plain date means midnight in UTC, as in new entries. */
function timestampValue(column: string, value: string | null | undefined): SqlValue | undefined {
  return value === undefined ? undefined : new SqlValue(`:${column}::timestamptz`, { [column]: value });
}
