import { Injectable } from '@nestjs/common';
import { JsonPage, JsonText } from '../core/json-text';
import { FieldFlaw, invalid, Problem } from '../core/problem';
import { TasksRepository } from '../tasks/tasks.repository';
import { TimeEntriesRepository } from './time-entries.repository';
import { CreateTimeEntry, StartTimer, TimeEntryQuery } from './time-entry.dto';

/** The rules of the time that tasks take. `actual_hours` of a task follows by a trigger. */
@Injectable()
export class TimeEntriesService {
  constructor(
    private readonly entries: TimeEntriesRepository,
    private readonly tasks: TasksRepository,
  ) {}

  /** @throws Problem 404 when there is no such task; so in all others */
  page(task_id: string, query: TimeEntryQuery): Promise<JsonPage> {
    return this.entries.pageUnder(this.tasks, task_id, { ...query, task_id: [task_id] });
  }

  /** @throws Problem 422 unless it has a beginning and an end, or hours */
  async add(task_id: string, { note = null, ...span }: CreateTimeEntry): Promise<JsonText> {
    const flaw = flawOf(span);
    if (flaw) throw invalid([flaw]);
    return this.entries.add(task_id, span, note);
  }

  /** @throws Problem 409 `timer_running` */
  start(task_id: string, { note = null }: StartTimer): Promise<JsonText> {
    return this.entries.start(task_id, note);
  }

  /** @throws Problem 409 `timer_not_running` */
  async stop(task_id: string): Promise<JsonText> {
    const entry = await this.entries.stop(task_id);
    if (entry) return entry;
    await this.tasks.find(task_id);
    throw new Problem(409, 'timer_not_running', 'No timer is running for this task.');
  }

  remove(task_id: string, id: string): Promise<void> {
    return this.entries.removeFrom(task_id, id);
  }
}

function flawOf({ started_at, ended_at, hours }: Omit<CreateTimeEntry, 'note'>): FieldFlaw | undefined {
  const required = (field: string) => ({
    field,
    code: 'required',
    message: 'is required unless hours is given',
  });
  if (hours !== undefined) {
    return ended_at === undefined
      ? undefined
      : { field: 'ended_at', code: 'contradiction', message: 'cannot be combined with hours' };
  }
  if (started_at === undefined) return required('started_at');
  if (ended_at === undefined) return required('ended_at');
  return new Date(ended_at) < new Date(started_at)
    ? { field: 'ended_at', code: 'out_of_range', message: 'must not be before started_at' }
    : undefined;
}
