import { ApiProperty } from '@nestjs/swagger';
import { countSchema } from '../http/owned-view';

export const dateSchema = { type: String, format: 'date', example: '2026-11-21' } as const;

export const averageSchema = {
  type: Number,
  minimum: 0,
  description: 'To two digits after the point.',
} as const;

/** How much was completed in some days. */
export class Pace {
  @ApiProperty(countSchema)
  days: number;

  @ApiProperty({ ...countSchema, description: 'Tasks that were completed in these days.' })
  completed: number;

  @ApiProperty(averageSchema)
  average_per_day: number;
}
