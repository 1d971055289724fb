import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { FieldError, invalid } from '../core/problem';
import { TasksRepository } from '../tasks/tasks.repository';
import { TimeEntriesRepository } from './time-entries.repository';
import { CreateTimeEntry } from './time-entry.dto';
import { timerNotRunning } from './time-entry.problems';

/** The rules for time entries that the database does not enforce. */
@Injectable()
export class TimeEntriesService {
  constructor(
    private readonly entries: TimeEntriesRepository,
    private readonly tasks: TasksRepository,
  ) {}

  /** @throws Problem 422 unless the entry has a start and an end, or hours · Problem 404 when the task is missing */
  async create(taskId: string, { id, note = null, ...span }: CreateTimeEntry): Promise<JsonText> {
    const error = errorOf(span);
    if (error) throw invalid([error]);
    return this.entries.create(taskId, span, note, id);
  }

  /** @throws Problem 409 `timer_not_running` · Problem 404 when the task is missing */
  async stopTimer(taskId: string): Promise<JsonText> {
    const entry = await this.entries.stopTimer(taskId);
    if (entry) return entry;
    await this.tasks.find(taskId);
    throw timerNotRunning.create();
  }
}

function errorOf({
  started_at,
  ended_at,
  hours,
}: Omit<CreateTimeEntry, 'id' | 'note'>): FieldError | undefined {
  const required = (field: string): FieldError => ({
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
