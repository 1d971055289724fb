import { ApiProperty } from '@nestjs/swagger';
import { horizons } from '../goals/goal.entity';
import { IntegerParameter } from '../http/fields';
import { countSchema, countsOf } from '../http/owned-view';
import { taskStatuses } from '../tasks/task.entity';
import { averageSchema, dateSchema, Pace } from './schemas';

export class AnalyticsQuery {
  @IntegerParameter({ description: 'How many days, today included.', min: 1, max: 365, default: 30 })
  days = 30;
}

class Period {
  @ApiProperty({ type: String, description: 'The user’s.' })
  timezone: string;

  @ApiProperty({ type: 'integer', minimum: 1, maximum: 365 })
  days: number;

  @ApiProperty({ ...dateSchema, description: 'The first day.' })
  from: string;

  @ApiProperty({ ...dateSchema, description: 'The last day: today.' })
  to: string;
}

const rate = (description: string) =>
  ({
    type: Number,
    nullable: true,
    minimum: 0,
    maximum: 100,
    description: `Percent: ${description}`,
  }) as const;
const average = (description: string) => ({ ...averageSchema, nullable: true, description }) as const;

/** How much was made, and how much was completed, and when. */
class Flow extends Period {
  @ApiProperty({ ...countSchema, description: 'Made in these days.' })
  created: number;

  @ApiProperty({ ...countSchema, description: 'Completed in these days, whenever they were made.' })
  completed: number;

  @ApiProperty(rate('of those made in these days, those that are completed now. Null where none was made.'))
  completion_rate: number | null;

  @ApiProperty({ ...countSchema, description: 'Completed in these days, by the date that was set for it.' })
  on_time: number;

  @ApiProperty({
    ...countSchema,
    description: 'Completed in these days, after the date that was set for it.',
  })
  late: number;

  @ApiProperty(rate('of on_time and late, on_time. Null where there is neither.'))
  on_time_rate: number | null;
}

export class TaskAnalytics extends Flow {
  @ApiProperty(
    average('From the making to the completion, of those completed in these days. Null where none was.'),
  )
  average_hours_to_complete: number | null;

  @ApiProperty({
    ...averageSchema,
    description: 'Sum, of those completed in these days that have both hours.',
  })
  estimated_hours: number;

  @ApiProperty({
    ...averageSchema,
    description: 'Sum, of those completed in these days that have both hours.',
  })
  actual_hours: number;

  @ApiProperty({ ...countsOf(taskStatuses), description: 'Of those made in these days, what they are now.' })
  by_status: object;

  @ApiProperty({ ...countsOf([1, 2, 3, 4, 5]), description: 'Of those completed in these days.' })
  by_priority: object;

  @ApiProperty({
    type: 'object',
    additionalProperties: countSchema,
    description:
      'Of those completed in these days; the most frequent one first, `none` stands for tasks without.',
  })
  by_category: object;
}

export class GoalAnalytics extends Flow {
  @ApiProperty(
    average('From the making to the completion, of those completed in these days. Null where none was.'),
  )
  average_days_to_complete: number | null;

  @ApiProperty({ ...countSchema, description: 'Active now.' })
  active: number;

  @ApiProperty(rate('the mean progress of the active ones that have one. Null where none has.'))
  average_progress: number | null;

  @ApiProperty({
    ...countsOf([...horizons, 'none']),
    description: 'Of those completed in these days; `none` stands for goals without.',
  })
  by_horizon: object;
}

class Day {
  @ApiProperty(dateSchema)
  date: string;

  @ApiProperty(countSchema)
  completed: number;
}

class Trend {
  @ApiProperty({ type: Pace, description: 'The earlier days: half of them, or one less.' })
  first_half: Pace;

  @ApiProperty({ type: Pace, description: 'The later days.' })
  second_half: Pace;

  @ApiProperty({
    type: Number,
    nullable: true,
    description:
      'Percent by which the average per day grew; negative where it fell. Null where it grew from nothing.',
  })
  change: number | null;

  @ApiProperty({ enum: ['up', 'down', 'steady'] })
  direction: 'up' | 'down' | 'steady';
}

export class Velocity extends Period {
  @ApiProperty(countSchema)
  completed: number;

  @ApiProperty(averageSchema)
  average_per_day: number;

  @ApiProperty({
    type: 'object',
    nullable: true,
    additionalProperties: false,
    required: ['date', 'completed'],
    properties: { date: { type: 'string', format: 'date' }, completed: countSchema },
    description: 'The day with the most; of several, the last one. Null where nothing was completed.',
  })
  best_day: Day | null;

  @ApiProperty({ type: Trend })
  trend: Trend;

  @ApiProperty({ type: [Day], description: 'Every day, also those without any.' })
  per_day: Day[];
}

class Week {
  @ApiProperty({ ...dateSchema, description: 'The Monday, or the first day of the period.' })
  from: string;

  @ApiProperty({ ...dateSchema, description: 'The Sunday, or today.' })
  to: string;

  @ApiProperty(countSchema)
  created: number;

  @ApiProperty(countSchema)
  completed: number;

  @ApiProperty({
    type: 'integer',
    description: 'By how much there was more to do at the end: created − completed.',
  })
  growth: number;
}

export class Trends extends Period {
  @ApiProperty({
    type: [Week],
    description: 'Every week of the period, the first and the last perhaps in part.',
  })
  per_week: Week[];
}
