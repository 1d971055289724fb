import { IntersectionType, PartialType } from '@nestjs/swagger';
import { ChosenId, DecimalField, IdField, TextField, TimestampField } from '../http/body-fields';
import { SortParam, TimestampParam } from '../http/query-params';
import { parseSort } from '../core/page-request';
import { Identified, pageOf, Versioned } from '../http/views';
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

export class StartTimer extends OptionalNote {}

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
}
