import { ApiProperty } from '@nestjs/swagger';
import { GoalView } from '../goals/goal.dto';
import { countSchema } from '../http/owned-view';
import { TaskView } from '../tasks/task.dto';
import { averageSchema, dateSchema } from './schemas';

class TaskSection {
  @ApiProperty({ ...countSchema, description: 'How many there are.' })
  count: number;

  @ApiProperty({ type: [TaskView], maxItems: 10 })
  items: object[];
}

class GoalSection {
  @ApiProperty({ ...countSchema, description: 'How many there are.' })
  count: number;

  @ApiProperty({ type: [GoalView], maxItems: 10 })
  items: object[];
}

class RecentVelocity {
  @ApiProperty({ type: 'integer', description: 'Today is the last one.' })
  days: number;

  @ApiProperty({ ...countSchema, description: 'Tasks that were completed in these days.' })
  completed: number;

  @ApiProperty(averageSchema)
  average_per_day: number;
}

export class Dashboard {
  @ApiProperty({ type: String, description: 'The user’s.' })
  timezone: string;

  @ApiProperty(dateSchema)
  today: string;

  @ApiProperty({ type: TaskSection, description: 'Open, and due before now: what has waited longest first.' })
  overdue: TaskSection;

  @ApiProperty({ type: TaskSection, description: 'Open, and due at some time of today.' })
  due_today: TaskSection;

  @ApiProperty({ type: TaskSection, description: 'Open, and due at some time of this week, today included.' })
  due_this_week: TaskSection;

  @ApiProperty({ type: TaskSection, description: 'What changed last first.' })
  in_progress: TaskSection;

  @ApiProperty({
    type: TaskSection,
    description: 'Open, and with the status `blocked`, or dependent on an open task.',
  })
  blocked: TaskSection;

  @ApiProperty({ type: TaskSection, description: 'In the last seven days; the last one first.' })
  recently_completed: TaskSection;

  @ApiProperty({ type: GoalSection, description: 'What is to be reached first comes first.' })
  active_goals: GoalSection;

  @ApiProperty({
    type: GoalSection,
    description: 'Active, less than 20% done, and 30 days or fewer to go, or none any more.',
  })
  goals_at_risk: GoalSection;

  @ApiProperty({ type: RecentVelocity })
  velocity: RecentVelocity;
}
