import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { DecimalField, EnumField, IdField, JsonField, TextField, TimestampField } from '../http/body-fields';
import {
  EnumListParam,
  EnumParam,
  IdListParam,
  SortParam,
  TextListParam,
  TimestampParam,
} from '../http/query-params';
import { parseSort } from '../core/page-request';
import { countSchema, countsOf, Identified, pageOf, Versioned } from '../http/views';
import { RowQuery } from '../http/page-query';
import { EnumValues } from '../core/enum-values';
import { TaskQuery } from '../tasks/task.dto';
import { goalStatuses, horizons, progressModes } from './goal.entity';

const statuses = new EnumValues(goalStatuses, {
  open: 'active',
  in_progress: 'active',
  done: 'completed',
  complete: 'completed',
  paused: 'on_hold',
  canceled: 'cancelled',
});

const horizonWords = new EnumValues(horizons, {
  year: 'yearly',
  quarter: 'quarterly',
  month: 'monthly',
  week: 'weekly',
});

/** What users say of a goal. */
export class GoalFields {
  @TextField({ description: 'Title of the goal.', example: 'Publish a book', min: 1, max: 500 })
  title: string;

  @TextField({ description: 'Description of the goal.', nullable: true, max: 20_000 })
  description: string | null;

  @EnumField({ description: 'Time horizon of the goal.', values: horizonWords, nullable: true })
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
      'progress of the subgoals. If only one of them exists, it is the progress. Cancelled tasks and subgoals do not ' +
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
}

export class GoalView extends IntersectionType(Identified, GoalFields, GoalTimes, Versioned) {}

export const GoalPage = pageOf(GoalView, 'GoalPage');

export class CreateGoal extends IntersectionType(
  PickType(GoalFields, ['title']),
  PartialType(OmitType(GoalFields, ['title']), { skipNullProperties: false }),
) {}

export class PatchGoal extends PartialType(GoalFields, { skipNullProperties: false }) {}

export class DeleteGoalQuery {
  @EnumParam({
    description:
      'Use `trash` to move the tasks of the goal to the trash. By default they are kept without a goal.',
    values: ['trash'],
  })
  tasks?: 'trash';
}

const sortable = ['created_at', 'updated_at', 'target_date', 'title', 'status', 'completed_at'] as const;

export class GoalQuery extends RowQuery {
  @EnumListParam({ values: statuses })
  status?: string[];

  @EnumListParam({ values: horizonWords, orNone: true })
  horizon?: (string | null)[];

  @IdListParam({ description: 'Comma-separated ids of parent goals. Use `none` for goals without a parent.' })
  parent_goal_id?: (string | null)[];

  @TextListParam({
    description:
      'Comma-separated project names, each without a comma. Use `none` for goals without a project.',
    max: 200,
  })
  project_name?: (string | null)[];

  @EnumParam({
    description:
      'Use `none` for goals without a target date. Use `target_from` and `target_before` for ranges.',
    values: ['none'],
  })
  target_date?: 'none';

  @TimestampParam({ description: 'Only goals with a target date at or after this time.' })
  target_from?: string;

  @TimestampParam({ description: 'Only goals with a target date before this time.' })
  target_before?: string;

  @SortParam({ columns: sortable, default: '-created_at' })
  sort = parseSort('-created_at');
}

/** The tasks of one goal: the path names it. */
export class GoalTaskQuery extends OmitType(TaskQuery, ['goal_id']) {}

const percent = { type: Number, minimum: 0, maximum: 100 } as const;

class TaskCounts {
  @ApiProperty({ ...countSchema, description: 'Number of tasks, without cancelled ones.' })
  total: number;

  @ApiProperty({ ...countSchema, description: 'Number of completed tasks.' })
  completed: number;

  @ApiProperty({ ...countSchema, description: 'Number of cancelled tasks.' })
  cancelled: number;
}

class Contribution {
  @ApiProperty({
    enum: ['tasks', 'subgoal'],
    description: 'What contributes: the tasks of the goal, or one of its subgoals.',
  })
  from: 'tasks' | 'subgoal';

  @ApiProperty({
    type: String,
    format: 'uuid',
    required: false,
    description: 'Id of the subgoal. Absent for tasks.',
  })
  id?: string;

  @ApiProperty({ ...percent, description: 'Progress of the tasks or of the subgoal, in percent.' })
  progress: number;

  @ApiProperty({
    ...percent,
    description: 'Weight of this contribution in the progress of the goal, in percent.',
  })
  weight: number;

  @ApiProperty({
    ...percent,
    description:
      'Percentage points that this contribution adds to the progress of the goal, rounded to 2 decimal places.',
  })
  points: number;
}

export class GoalBreakdown extends PickType(GoalView, [
  'id',
  'title',
  'horizon',
  'target_date',
  'status',
  'progress',
  'progress_mode',
]) {
  @ApiProperty({ type: TaskCounts, description: 'Task counts of the goal itself, without its subgoals.' })
  tasks: TaskCounts;

  @ApiProperty({
    type: TaskCounts,
    description: 'Task counts of the goal and its subgoals at every depth.',
  })
  all_tasks: TaskCounts;

  @ApiProperty({
    type: [Contribution],
    description:
      'The parts that the progress is computed from. Empty if nothing contributes or the progress is set manually.',
  })
  contributions: Contribution[];

  @ApiProperty({ type: () => [GoalBreakdown], description: 'Breakdowns of the direct subgoals.' })
  subgoals: GoalBreakdown[];
}

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
