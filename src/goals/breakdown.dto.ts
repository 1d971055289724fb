import { ApiProperty, PickType } from '@nestjs/swagger';
import { countSchema } from '../http/views';
import { GoalView } from './goal.dto';

/** The breakdown of more goals would be too large for one response. */
export const maxBreakdownGoals = 1000;

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

  @ApiProperty({
    type: () => [GoalBreakdown],
    maxItems: maxBreakdownGoals,
    description: 'Breakdowns of the direct subgoals.',
  })
  subgoals: GoalBreakdown[];

  @ApiProperty({
    ...countSchema,
    description:
      'Number of direct subgoals that are missing in `subgoals`, because the response contains at most 1,000 goals. They are counted in `all_tasks` and `contributions`.',
  })
  omitted_subgoals: number;
}
