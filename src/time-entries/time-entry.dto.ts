import { IntersectionType } from '@nestjs/swagger';
import { Decimal, Id, Moment, MomentParameter, readSort, Sort, Text } from '../http/fields';
import { Identified, Versioned } from '../http/owned-view';
import { PageQuery, pageOf } from '../http/page-query';

class TimeEntryNote {
  @Text({ description: 'What was done.', nullable: true, optional: true, max: 500 })
  note?: string | null;
}

/** By its beginning and end, or by its hours. */
export class CreateTimeEntry extends TimeEntryNote {
  @Moment({
    description: 'The beginning. With `hours` it may be left out: then it ended now.',
    example: '2026-11-20T09:00:00.000Z',
    optional: true,
  })
  started_at?: string;

  @Moment({ description: 'The end; not with `hours`.', example: '2026-11-20T10:30:00.000Z', optional: true })
  ended_at?: string;

  @Decimal({ description: 'How long; in place of `ended_at`.', optional: true, min: 0.01, max: 10_000 })
  hours?: number;
}

export class StartTimer extends TimeEntryNote {}

class TimeEntryTimes {
  @Id({ description: 'The task that was worked on.' })
  task_id: string;

  @Moment({ description: 'The beginning.', answered: true })
  started_at: string;

  @Moment({ description: 'The end; null while the timer runs.', answered: true, nullable: true })
  ended_at: string | null;

  @Decimal({ description: 'How long; null while the timer runs.', nullable: true, min: 0, max: 100_000_000 })
  hours: number | null;

  @Text({ description: 'What was done.', nullable: true, max: 500 })
  note: string | null;
}

export class TimeEntryView extends IntersectionType(Identified, TimeEntryTimes, Versioned) {}

export const TimeEntryPage = pageOf(TimeEntryView, 'TimeEntryPage');

const sortable = ['started_at', 'created_at'] as const;

export class TimeEntryQuery extends PageQuery {
  @MomentParameter({ description: 'Began then or later.' })
  started_from?: string;

  @MomentParameter({ description: 'Began before then.' })
  started_before?: string;

  @Sort({ by: sortable, default: '-started_at' })
  sort = readSort('-started_at');
}
