import { ApiProperty } from '@nestjs/swagger';
import { horizons } from '../goals/goal.entity';
import { IntegerParam } from '../http/query-params';
import { maxTimezoneLength } from '../http/body-fields';
import { countSchema, countsOf, maxInteger } from '../http/views';
import { taskStatuses } from '../tasks/task.entity';
import { averageSchema, dateSchema, CompletedTasks } from './schemas';

const maxDays = 365;

export class AnalyticsQuery {
  @IntegerParam({
    description: 'Number of days to report on, including today.',
    min: 1,
    max: maxDays,
    default: 30,
  })
  days = 30;
}

class Period {
  @ApiProperty({
    type: String,
    maxLength: maxTimezoneLength,
    description: 'Time zone in which days are counted.',
  })
  timezone: string;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: maxDays,
    description: 'Number of days in the period.',
  })
  days: number;

  @ApiProperty({ ...dateSchema, description: 'First day of the period.' })
  from: string;

  @ApiProperty({ ...dateSchema, description: 'Last day of the period: today.' })
  to: string;
}

const rateSchema = (description: string) =>
  ({
    type: Number,
    nullable: true,
    minimum: 0,
    maximum: 100,
    description,
  }) as const;
const averageOrNullSchema = (description: string) =>
  ({ ...averageSchema, nullable: true, description }) as const;

/** Numbers of created and completed tasks or goals in a period. */
class PeriodStatistics extends Period {
  @ApiProperty({ ...countSchema, description: 'Number created in the period.' })
  created: number;

  @ApiProperty({
    ...countSchema,
    description: 'Number completed in the period, regardless of when they were created.',
  })
  completed: number;

  @ApiProperty(
    rateSchema(
      'Percentage of those created in the period that are completed now. Null if none were created.',
    ),
  )
  completion_rate: number | null;

  @ApiProperty({
    ...countSchema,
    description: 'Number completed in the period on or before their due or target date.',
  })
  on_time: number;

  @ApiProperty({
    ...countSchema,
    description: 'Number completed in the period after their due or target date.',
  })
  late: number;

  @ApiProperty(rateSchema('`on_time` as a percentage of `on_time + late`. Null if both are 0.'))
  on_time_rate: number | null;
}

export class TaskAnalytics extends PeriodStatistics {
  @ApiProperty(
    averageOrNullSchema(
      'Average hours from creation to completion of the tasks completed in the period. Null if there are none.',
    ),
  )
  average_hours_to_complete: number | null;

  @ApiProperty({
    ...averageSchema,
    description:
      'Sum of the estimated hours of the tasks completed in the period that have both estimated and actual hours.',
  })
  estimated_hours: number;

  @ApiProperty({
    ...averageSchema,
    description:
      'Sum of the actual hours of the tasks completed in the period that have both estimated and actual hours.',
  })
  actual_hours: number;

  @ApiProperty({
    ...countsOf(taskStatuses),
    description: 'Number of tasks created in the period by their current status.',
  })
  by_status: object;

  @ApiProperty({
    ...countsOf([1, 2, 3, 4, 5]),
    description: 'Number of tasks completed in the period by priority.',
  })
  by_priority: object;

  @ApiProperty({
    type: 'object',
    additionalProperties: countSchema,
    description:
      'Number of tasks completed in the period by category, most frequent first. `none` counts tasks without a category.',
  })
  by_category: object;
}

export class GoalAnalytics extends PeriodStatistics {
  @ApiProperty(
    averageOrNullSchema(
      'Average days from creation to completion of the goals completed in the period. Null if there are none.',
    ),
  )
  average_days_to_complete: number | null;

  @ApiProperty({ ...countSchema, description: 'Number of goals that are active now.' })
  active: number;

  @ApiProperty(
    rateSchema(
      'Average progress in percent of the active goals that have a progress. Null if there are none.',
    ),
  )
  average_progress: number | null;

  @ApiProperty({
    ...countsOf([...horizons, 'none']),
    description: 'Number of goals completed in the period by horizon. `none` counts goals without a horizon.',
  })
  by_horizon: object;
}

class Day {
  @ApiProperty({ ...dateSchema, description: 'The day.' })
  date: string;

  @ApiProperty({ ...countSchema, description: 'Number of tasks completed on this day.' })
  completed: number;
}

class Trend {
  @ApiProperty({
    type: CompletedTasks,
    description:
      'First half of the period. One day shorter than the second half if the number of days is odd.',
  })
  first_half: CompletedTasks;

  @ApiProperty({ type: CompletedTasks, description: 'Second half of the period.' })
  second_half: CompletedTasks;

  @ApiProperty({
    type: Number,
    nullable: true,
    description:
      'Change of the average per day from the first half to the second half in percent. Null if the first half has no completed tasks.',
  })
  change: number | null;

  @ApiProperty({
    enum: ['up', 'down', 'steady'],
    description: 'Whether the average per day rose, fell or stayed the same.',
  })
  direction: 'up' | 'down' | 'steady';
}

export class Velocity extends Period {
  @ApiProperty({ ...countSchema, description: 'Number of tasks completed in the period.' })
  completed: number;

  @ApiProperty({
    ...averageSchema,
    description: 'Average number of completed tasks per day, rounded to 2 decimal places.',
  })
  average_per_day: number;

  @ApiProperty({
    type: 'object',
    nullable: true,
    additionalProperties: false,
    required: ['date', 'completed'],
    properties: { date: { type: 'string', format: 'date' }, completed: countSchema },
    description:
      'Day with the most completed tasks, the latest one if there are several. Null if no task was completed.',
  })
  best_day: Day | null;

  @ApiProperty({ type: Trend, description: 'Comparison of the two halves of the period.' })
  trend: Trend;

  @ApiProperty({
    type: [Day],
    maxItems: maxDays,
    description: 'Every day of the period, including days without completed tasks.',
  })
  per_day: Day[];
}

class Week {
  @ApiProperty({
    ...dateSchema,
    description: 'Monday of the week, or the first day of the period if it is later.',
  })
  from: string;

  @ApiProperty({ ...dateSchema, description: 'Sunday of the week, or today if it is earlier.' })
  to: string;

  @ApiProperty({ ...countSchema, description: 'Number of tasks created in the week.' })
  created: number;

  @ApiProperty({ ...countSchema, description: 'Number of tasks completed in the week.' })
  completed: number;

  @ApiProperty({
    type: 'integer',
    minimum: -maxInteger,
    maximum: maxInteger,
    description: '`created` minus `completed`.',
  })
  growth: number;
}

export class Trends extends Period {
  @ApiProperty({
    type: [Week],
    maxItems: maxDays,
    description: 'Every week of the period. The first and the last week can be partial.',
  })
  per_week: Week[];
}
