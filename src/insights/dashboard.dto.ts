import { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { GoalView } from '../goals/goal.dto';
import { maxTimezoneLength } from '../http/body-fields';
import { countSchema } from '../http/views';
import { TaskView } from '../tasks/task.dto';
import { dateSchema, CompletedTasks } from './schemas';

function sectionOf(View: Type, name: string): Type {
  class Section {
    @ApiProperty({ ...countSchema, description: 'Total number of matching items.' })
    count: number;

    @ApiProperty({ type: [View], maxItems: 10, description: 'The first 10 items.' })
    items: object[];
  }
  Object.defineProperty(Section, 'name', { value: name });
  return Section;
}

const TaskSection = sectionOf(TaskView, 'TaskSection');
const GoalSection = sectionOf(GoalView, 'GoalSection');

export class Dashboard {
  @ApiProperty({
    type: String,
    maxLength: maxTimezoneLength,
    description: 'Time zone in which days are counted.',
  })
  timezone: string;

  @ApiProperty({ ...dateSchema, description: "Current date in the user's time zone." })
  today: string;

  @ApiProperty({
    type: TaskSection,
    description: 'Open tasks whose due date has passed, earliest due date first.',
  })
  overdue: object;

  @ApiProperty({
    type: TaskSection,
    description: 'Open tasks due today, including those whose due time has passed. Earliest due date first.',
  })
  due_today: object;

  @ApiProperty({
    type: TaskSection,
    description: 'Open tasks due this week, Monday to Sunday. Earliest due date first.',
  })
  due_this_week: object;

  @ApiProperty({ type: TaskSection, description: 'Tasks with the status `in_progress`, last updated first.' })
  in_progress: object;

  @ApiProperty({
    type: TaskSection,
    description: 'Open tasks that have the status `blocked` or depend on an open task. Last updated first.',
  })
  blocked: object;

  @ApiProperty({
    type: TaskSection,
    description: 'Tasks completed in the last 7 days including today, latest completion first.',
  })
  recently_completed: object;

  @ApiProperty({
    type: GoalSection,
    description: 'Active goals, earliest target date first. Goals without a target date come last.',
  })
  active_goals: object;

  @ApiProperty({
    type: GoalSection,
    description:
      'Active goals with a progress below 20 percent and a target date that has passed or is at most 30 days away. Earliest target date first.',
  })
  goals_at_risk: object;

  @ApiProperty({
    type: CompletedTasks,
    description: 'Completed tasks of the last 30 days, including today.',
  })
  velocity: CompletedTasks;
}
