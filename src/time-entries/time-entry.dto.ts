import { ApiProperty, IntersectionType, OmitType, PartialType } from '@nestjs/swagger';
import { ChosenId, DecimalField, IdField, TextField, TimestampField } from '../http/body-fields';
import {
  BooleanParam,
  EnumParam,
  FieldsParam,
  IdListParam,
  SortParam,
  TimestampParam,
} from '../http/query-params';
import { parseSort } from '../core/page-request';
import { countSchema, Identified, pageOf, Versioned } from '../http/views';
import { PageQuery } from '../http/page-query';

class TimeEntryNote {
  @TextField({ description: 'Note on the work done.', nullable: true, max: 500 })
  note: string | null;
}

class OptionalNote extends PartialType(TimeEntryNote, { skipNullProperties: false }) {}

/** With a start and an end, or with a duration in hours. */
export class CreateTimeEntry extends IntersectionType(ChosenId, OptionalNote) {
  @TimestampField({
    description: 'Start of the work. Optional with `hours`; by default, the entry ends now.',
    example: '2026-11-20T09:00:00.000Z',
    optional: true,
  })
  started_at?: string;

  @TimestampField({
    description: 'End of the work. Cannot be combined with `hours`.',
    example: '2026-11-20T10:30:00.000Z',
    optional: true,
  })
  ended_at?: string;

  @DecimalField({
    description: 'Duration in hours, instead of `ended_at`.',
    optional: true,
    min: 0.01,
    max: 10_000,
  })
  hours?: number;
}

export class PatchTimeEntry extends OptionalNote {
  @TimestampField({
    description: 'Start of the work.',
    example: '2026-11-20T09:00:00.000Z',
    optional: true,
  })
  started_at?: string;

  @TimestampField({
    description: 'End of the work, not before its start. Null makes the entry the running timer.',
    example: '2026-11-20T10:30:00.000Z',
    optional: true,
    nullable: true,
  })
  ended_at?: string | null;
}

export class StartTimer extends OptionalNote {}

export class StartTimerQuery {
  @BooleanParam({
    description: 'Stop a running timer first, in the same transaction. It ends when the new one starts.',
    default: false,
  })
  switch = false;
}

class TimeEntryTimes {
  @IdField({ description: 'Id of the task.' })
  task_id: string;

  @TimestampField({ description: 'Timestamp of the start.', inResponse: true })
  started_at: string;

  @TimestampField({
    description: 'Timestamp of the end. Null while the timer is running.',
    inResponse: true,
    nullable: true,
  })
  ended_at: string | null;

  @DecimalField({
    description: 'Duration in hours. Null while the timer is running.',
    nullable: true,
    min: 0,
    max: 100_000_000,
  })
  hours: number | null;
}

export class TimeEntryView extends IntersectionType(Identified, TimeEntryTimes, TimeEntryNote, Versioned) {}

export const TimeEntryPage = pageOf(TimeEntryView, 'TimeEntryPage');

const sortable = ['started_at', 'created_at'] as const;

export class TimeEntryQuery extends PageQuery {
  @TimestampParam({ description: 'Only entries that start at or after this time.' })
  started_from?: string;

  @TimestampParam({ description: 'Only entries that start before this time.' })
  started_before?: string;

  @SortParam({ columns: sortable, default: '-started_at' })
  sort = parseSort('-started_at');

  @FieldsParam(TimeEntryView)
  fields?: string[];
}

/** Entries of all tasks. */
export class AllTimeEntriesQuery extends OmitType(TimeEntryQuery, ['include']) {
  @IdListParam({ description: 'Comma-separated task ids.' })
  task_id?: (string | null)[];

  @BooleanParam({ description: '`true`: only the running timer. `false`: only ended entries.' })
  running?: boolean;

  @EnumParam({
    description:
      'Use `total` to include the total number of items, or `totals` to include the hours by day and by task. `totals` ' +
      'requires `started_from` and `started_before`, at most 366 days apart.',
    values: ['total', 'totals'],
  })
  include?: 'total' | 'totals';
}

const hoursSchema = { type: Number, minimum: 0 } as const;

class HoursOfDay {
  @ApiProperty({
    type: String,
    format: 'date',
    example: '2026-11-21',
    description: "Day on which the entries start, in the user's time zone.",
  })
  date: string;

  @ApiProperty({ ...hoursSchema, description: 'Hours of the entries that start on this day.' })
  hours: number;
}

class HoursOfTask {
  @IdField({ description: 'Id of the task.' })
  task_id: string;

  @TextField({ description: 'Title of the task.', min: 1, max: 500 })
  title: string;

  @ApiProperty({ ...hoursSchema, description: 'Hours of the entries of this task.' })
  hours: number;
}

class TimeTotals {
  @ApiProperty({ ...hoursSchema, description: 'Hours of all entries, rounded to 2 decimal places.' })
  hours: number;

  @ApiProperty({
    type: [HoursOfDay],
    maxItems: 367,
    description: 'Hours of each day that has entries, earliest first.',
  })
  by_day: HoursOfDay[];

  @ApiProperty({
    type: [HoursOfTask],
    maxItems: 200,
    description: 'Hours of the 200 tasks with the most hours.',
  })
  by_task: HoursOfTask[];

  @ApiProperty({ ...countSchema, description: 'Number of tasks with entries that are missing in `by_task`.' })
  omitted_tasks: number;
}

/** A page of entries of all tasks. */
export class AllTimeEntries extends pageOf(TimeEntryView, 'AllTimeEntries') {
  @ApiProperty({
    type: TimeTotals,
    required: false,
    description:
      'Hours of all ended entries that match the filters, on all pages. An entry counts on the day on which it starts. ' +
      'Present only with `include=totals`.',
  })
  totals?: TimeTotals;
}
