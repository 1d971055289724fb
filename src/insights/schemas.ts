import { ApiProperty } from '@nestjs/swagger';
import { countSchema } from '../http/views';

export const dateSchema = { type: String, format: 'date', example: '2026-11-21' } as const;

export const averageSchema = {
  type: Number,
  minimum: 0,
  description: 'Rounded to 2 decimal places.',
} as const;

/** Completed tasks over a number of days. */
export class CompletedTasks {
  @ApiProperty({ ...countSchema, description: 'Number of days.' })
  days: number;

  @ApiProperty({ ...countSchema, description: 'Number of tasks completed on these days.' })
  completed: number;

  @ApiProperty({
    ...averageSchema,
    description: 'Average number of completed tasks per day, rounded to 2 decimal places.',
  })
  average_per_day: number;
}
