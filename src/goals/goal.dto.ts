import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import {
  Decimal,
  Id,
  IdList,
  JsonObject,
  Moment,
  MomentParameter,
  readSort,
  Sort,
  Text,
  TextList,
  Word,
  WordList,
  WordParameter,
} from '../http/fields';
import { countSchema, countsOf, Identified, Versioned } from '../http/owned-view';
import { pageOf, RowQuery } from '../http/page-query';
import { Words } from '../core/enum-values';
import { TaskQuery } from '../tasks/task.dto';
import { goalStatuses, horizons, progressModes } from './goal.entity';

const statuses = new Words(goalStatuses, {
  open: 'active',
  in_progress: 'active',
  done: 'completed',
  complete: 'completed',
  paused: 'on_hold',
  canceled: 'cancelled',
});

const horizonWords = new Words(horizons, {
  year: 'yearly',
  quarter: 'quarterly',
  month: 'monthly',
  week: 'weekly',
});

/** What users say of a goal. */
export class GoalFields {
  @Text({ description: 'What is to be reached.', example: 'Publish a book', min: 1, max: 500 })
  title: string;

  @Text({ description: 'More about it.', nullable: true, max: 20_000 })
  description: string | null;

  @Word({ description: 'How far it lies.', of: horizonWords, nullable: true })
  horizon: (typeof horizons)[number] | null;

  @Moment({
    description: 'RFC 3339. A plain date stands for the end of that day in the user’s time zone.',
    example: '2027-06-30T21:59:59.999Z',
    nullable: true,
  })
  target_date: string | null;

  @Word({ description: 'Also understood: “On Hold”, “done”.', of: statuses, default: 'active' })
  status: (typeof goalStatuses)[number];

  @Decimal({
    description:
      'Percent. Computed: the share of its tasks that are completed and the mean progress of its subgoals, half each, or ' +
      'the one that there is; what is cancelled does not count. A number sets it by hand; null has it computed again.',
    nullable: true,
    min: 0,
    max: 100,
  })
  progress: number | null;

  @Word({
    description: '`manual`: the progress stays as it was set by hand.',
    of: new Words(progressModes),
    default: 'computed',
  })
  progress_mode: (typeof progressModes)[number];

  @Text({ description: 'How one will know that it is reached.', nullable: true, max: 20_000 })
  success_criteria: string | null;

  @JsonObject({ description: 'Numbers of the user’s own.', example: { chapters: 12 }, nullable: true })
  metrics: object | null;

  @Id({ description: 'The goal above it.', nullable: true })
  parent_goal_id: string | null;

  @Text({ description: 'The project that it belongs to.', nullable: true, min: 1, max: 200 })
  project_name: string | null;
}

class GoalTimes {
  @Moment({ description: 'When it was completed: in step with status.', answered: true, nullable: true })
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
  @WordParameter({
    description: '`trash` moves its tasks to the trash; else they stay, without a goal.',
    of: ['trash'],
  })
  tasks?: 'trash';
}

const sortable = ['created_at', 'updated_at', 'target_date', 'title', 'status', 'completed_at'] as const;

export class GoalQuery extends RowQuery {
  @WordList({ of: statuses })
  status?: string[];

  @WordList({ of: horizonWords, orNone: true })
  horizon?: (string | null)[];

  @IdList({ description: 'One or more, by comma; `none` for goals at the top.' })
  parent_goal_id?: (string | null)[];

  @TextList({
    description: 'One or more, by comma (none that has a comma itself); `none` for goals without.',
    max: 200,
  })
  project_name?: (string | null)[];

  @WordParameter({
    description: '`none` for goals without. For ranges: target_from, target_before.',
    of: ['none'],
  })
  target_date?: 'none';

  @MomentParameter({ description: 'To be reached then or later.' })
  target_from?: string;

  @MomentParameter({ description: 'To be reached before then.' })
  target_before?: string;

  @Sort({ by: sortable, default: '-created_at' })
  sort = readSort('-created_at');
}

/** The tasks of one goal: the path names it. */
export class GoalTaskQuery extends OmitType(TaskQuery, ['goal_id']) {}

const percent = { type: Number, minimum: 0, maximum: 100 } as const;

class TaskCounts {
  @ApiProperty({ ...countSchema, description: 'Those that count: all but the cancelled ones.' })
  total: number;

  @ApiProperty(countSchema)
  completed: number;

  @ApiProperty(countSchema)
  cancelled: number;
}

class Contribution {
  @ApiProperty({ enum: ['tasks', 'subgoal'] })
  from: 'tasks' | 'subgoal';

  @ApiProperty({ type: String, format: 'uuid', required: false, description: 'Which subgoal.' })
  id?: string;

  @ApiProperty({ ...percent, description: 'How far that is.' })
  progress: number;

  @ApiProperty({ ...percent, description: 'Its part of the whole.' })
  weight: number;

  @ApiProperty({
    ...percent,
    description: 'What it adds to the progress of the goal, rounded.',
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
  @ApiProperty({ type: TaskCounts, description: 'Of the tasks right under it.' })
  tasks: TaskCounts;

  @ApiProperty({
    type: TaskCounts,
    description: 'Of these, and of the tasks of its subgoals at every depth.',
  })
  all_tasks: TaskCounts;

  @ApiProperty({
    type: [Contribution],
    description:
      'What its progress is made of; empty where nothing contributes, and where it is set by hand.',
  })
  contributions: Contribution[];

  @ApiProperty({ type: () => [GoalBreakdown] })
  subgoals: GoalBreakdown[];
}

export class GoalSummary {
  @ApiProperty(countSchema)
  total: number;

  @ApiProperty(countsOf(goalStatuses))
  by_status: object;

  @ApiProperty({ ...countsOf([...horizons, 'none']), description: '`none` stands for goals without.' })
  by_horizon: object;

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: 0,
    maximum: 100,
    description: 'Of active goals that have a progress; null where none has.',
  })
  average_progress: number | null;

  @ApiProperty({ ...countSchema, description: 'Active, with a progress of 80 or more.' })
  nearly_done: number;
}
