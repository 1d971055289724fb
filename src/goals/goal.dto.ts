import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import {
  ChosenId,
  DecimalField,
  EnumField,
  IdField,
  JsonField,
  TextField,
  TimestampField,
} from '../http/body-fields';
import { countSchema, countsOf, Identified, pageOf, Versioned } from '../http/views';
import { EnumValues } from '../core/enum-values';
import { goalStatuses, horizons, progressModes } from './goal.entity';

export const statuses = new EnumValues(goalStatuses, {
  open: 'active',
  in_progress: 'active',
  done: 'completed',
  complete: 'completed',
  paused: 'on_hold',
  canceled: 'cancelled',
});

export const horizonValues = new EnumValues(horizons, {
  year: 'yearly',
  quarter: 'quarterly',
  month: 'monthly',
  week: 'weekly',
});

/** Fields of a goal that its user can write. */
class GoalFields {
  @TextField({ description: 'Title of the goal.', example: 'Publish a book', min: 1, max: 500 })
  title: string;

  @TextField({ description: 'Description of the goal.', nullable: true, max: 20_000 })
  description: string | null;

  @EnumField({ description: 'Time horizon of the goal.', values: horizonValues, nullable: true })
  horizon: (typeof horizons)[number] | null;

  @TimestampField({
    description:
      "Target date, as an RFC 3339 timestamp. A plain date means the end of that day in the user's time zone.",
    example: '2027-06-30T21:59:59.999Z',
    nullable: true,
  })
  target_date: string | null;

  @EnumField({
    description: 'Status of the goal. Case-insensitive. Synonyms such as "On Hold" and "done" are accepted.',
    values: statuses,
    default: 'active',
  })
  status: (typeof goalStatuses)[number];

  @DecimalField({
    description:
      'Progress in percent. Computed as the average of two values: the percentage of completed tasks and the average ' +
      'progress of the subgoals. If only one exists, the progress equals it. Cancelled tasks and subgoals do not ' +
      'count. Setting a number switches `progress_mode` to `manual`, setting null switches it back to `computed`.',
    nullable: true,
    min: 0,
    max: 100,
  })
  progress: number | null;

  @EnumField({
    description:
      '`computed`: the progress follows the tasks and subgoals. `manual`: the progress stays as the user set it.',
    values: new EnumValues(progressModes),
    default: 'computed',
  })
  progress_mode: (typeof progressModes)[number];

  @TextField({ description: 'Criteria for considering the goal reached.', nullable: true, max: 20_000 })
  success_criteria: string | null;

  @JsonField({
    description: 'Custom metrics of the goal, as a JSON object.',
    example: { chapters: 12 },
    nullable: true,
  })
  metrics: object | null;

  @IdField({ description: 'Id of the parent goal.', nullable: true })
  parent_goal_id: string | null;

  @TextField({
    description: 'Name of the project that the goal belongs to.',
    nullable: true,
    min: 1,
    max: 200,
  })
  project_name: string | null;
}

class GoalTimes {
  @TimestampField({
    description: 'Timestamp of the completion. Null unless the status is `completed`.',
    inResponse: true,
    nullable: true,
  })
  completed_at: string | null;

  @TimestampField({
    description: 'Timestamp of the move to the trash. Null for goals that are not in the trash.',
    inResponse: true,
    nullable: true,
  })
  deleted_at: string | null;
}

export class GoalView extends IntersectionType(Identified, GoalFields, GoalTimes, Versioned) {}

export const GoalPage = pageOf(GoalView, 'GoalPage');

export class CreateGoal extends IntersectionType(
  ChosenId,
  PickType(GoalFields, ['title']),
  PartialType(OmitType(GoalFields, ['title']), { skipNullProperties: false }),
) {}

export class PatchGoal extends PartialType(GoalFields, { skipNullProperties: false }) {}

export class GoalSummary {
  @ApiProperty({ ...countSchema, description: 'Number of goals.' })
  total: number;

  @ApiProperty({ ...countsOf(goalStatuses), description: 'Number of goals by status.' })
  by_status: object;

  @ApiProperty({
    ...countsOf([...horizons, 'none']),
    description: 'Number of goals by horizon. `none` counts goals without a horizon.',
  })
  by_horizon: object;

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: 0,
    maximum: 100,
    description:
      'Average progress in percent of the active goals that have a progress. Null if there are none.',
  })
  average_progress: number | null;

  @ApiProperty({
    ...countSchema,
    description: 'Number of active goals with a progress of 80 percent or more.',
  })
  nearly_done: number;
}
