import { Injectable } from '@nestjs/common';
import { JsonPage, JsonText } from '../core/json-text';
import { FieldError, invalid } from '../core/problem';
import { TasksRepository } from '../tasks/tasks.repository';
import { TimeEntriesRepository } from './time-entries.repository';
import { AllTimeEntriesQuery, CreateTimeEntry, PatchTimeEntry } from './time-entry.dto';
import { timerNotRunning } from './time-entry.problems';

/** The longest range with totals, in milliseconds: a leap year. */
const maxRange = 366 * 86_400_000;

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

  /** @throws Problem 422 if totals are requested without a range, or for one that is too long */
  async listAll(query: AllTimeEntriesQuery): Promise<JsonPage> {
    if (query.include !== 'totals') return this.entries.page(query);
    const error = rangeErrorOf(query);
    if (error) throw invalid([error]);
    return this.entries.pageWithTotals(query);
  }

  /** @throws Problem 422 if the entry would end before it starts · Problem 404 · Problem 409 `timer_running` */
  async update(taskId: string, id: string, values: PatchTimeEntry): Promise<JsonText> {
    const entry = await this.entries.updateOfTask(taskId, id, values);
    if (entry) return entry;
    await this.entries.requireEntry(taskId, id);
    const field = values.ended_at === undefined ? 'started_at' : 'ended_at';
    const message = field === 'ended_at' ? 'must not be before started_at' : 'must not be after ended_at';
    throw invalid([{ field, code: 'out_of_range', message }]);
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

function rangeErrorOf({ started_from, started_before }: AllTimeEntriesQuery): FieldError | undefined {
  const required = (field: string): FieldError => ({
    field,
    code: 'required',
    message: 'is required for totals',
  });
  if (started_from === undefined) return required('started_from');
  if (started_before === undefined) return required('started_before');
  return new Date(started_before).getTime() - new Date(started_from).getTime() > maxRange
    ? {
        field: 'started_before',
        code: 'out_of_range',
        message: 'must be at most 366 days after started_from',
      }
    : undefined;
}
