import { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { GoalView } from '../goals/goal.dto';
import { countSchema } from '../http/owned-view';
import { TaskView } from '../tasks/task.dto';
import { dateSchema, Pace } from './schemas';

function sectionOf(View: Type, name: string): Type {
  class Section {
    @ApiProperty({ ...countSchema, description: 'How many there are.' })
    count: number;

    @ApiProperty({ type: [View], maxItems: 10 })
    items: object[];
  }
  Object.defineProperty(Section, 'name', { value: name });
  return Section;
}

const TaskSection = sectionOf(TaskView, 'TaskSection');
const GoalSection = sectionOf(GoalView, 'GoalSection');

export class Dashboard {
  @ApiProperty({ type: String, description: 'The user’s.' })
  timezone: string;

  @ApiProperty(dateSchema)
  today: string;

  @ApiProperty({ type: TaskSection, description: 'Open, and due before now: what has waited longest first.' })
  overdue: object;

  @ApiProperty({ type: TaskSection, description: 'Open, and due at some time of today.' })
  due_today: object;

  @ApiProperty({ type: TaskSection, description: 'Open, and due at some time of this week, today included.' })
  due_this_week: object;

  @ApiProperty({ type: TaskSection, description: 'What changed last first.' })
  in_progress: object;

  @ApiProperty({
    type: TaskSection,
    description: 'Open, and with the status `blocked`, or dependent on an open task.',
  })
  blocked: object;

  @ApiProperty({ type: TaskSection, description: 'In the last seven days; the last one first.' })
  recently_completed: object;

  @ApiProperty({ type: GoalSection, description: 'What is to be reached first comes first.' })
  active_goals: object;

  @ApiProperty({
    type: GoalSection,
    description: 'Active, less than 20% done, and 30 days or fewer to go, or none any more.',
  })
  goals_at_risk: object;

  @ApiProperty({ type: Pace, description: 'Of the last days, today included.' })
  velocity: Pace;
}
