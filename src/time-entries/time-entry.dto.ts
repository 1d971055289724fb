import { IntersectionType } from '@nestjs/swagger';
import { Decimal, Id, Moment, MomentParameter, readSort, Sort, Text } from '../http/fields';
import { Identified, Versioned } from '../http/owned-view';
import { PageQuery, pageOf } from '../http/page-query';

class TimeEntryNote {
  @Text({ description: 'Note on the work done.', nullable: true, optional: true, max: 500 })
  note?: string | null;
}

/** By its beginning and end, or by its hours. */
export class CreateTimeEntry extends TimeEntryNote {
  @Moment({
    description: 'Start of the work. Can be omitted with `hours`: the work then ended now.',
    example: '2026-11-20T09:00:00.000Z',
    optional: true,
  })
  started_at?: string;

  @Moment({
    description: 'End of the work. Cannot be combined with `hours`.',
    example: '2026-11-20T10:30:00.000Z',
    optional: true,
  })
  ended_at?: string;

  @Decimal({
    description: 'Duration in hours, instead of `ended_at`.',
    optional: true,
    min: 0.01,
    max: 10_000,
  })
  hours?: number;
}

export class StartTimer extends TimeEntryNote {}

class TimeEntryTimes {
  @Id({ description: 'Id of the task.' })
  task_id: string;

  @Moment({ description: 'Timestamp of the start.', answered: true })
  started_at: string;

  @Moment({
    description: 'Timestamp of the end. Null while the timer is running.',
    answered: true,
    nullable: true,
  })
  ended_at: string | null;

  @Decimal({
    description: 'Duration in hours. Null while the timer is running.',
    nullable: true,
    min: 0,
    max: 100_000_000,
  })
  hours: number | null;

  @Text({ description: 'Note on the work done.', nullable: true, max: 500 })
  note: string | null;
}

export class TimeEntryView extends IntersectionType(Identified, TimeEntryTimes, Versioned) {}

export const TimeEntryPage = pageOf(TimeEntryView, 'TimeEntryPage');

const sortable = ['started_at', 'created_at'] as const;

export class TimeEntryQuery extends PageQuery {
  @MomentParameter({ description: 'Only entries that start at or after this time.' })
  started_from?: string;

  @MomentParameter({ description: 'Only entries that start before this time.' })
  started_before?: string;

  @Sort({ by: sortable, default: '-started_at' })
  sort = readSort('-started_at');
}
