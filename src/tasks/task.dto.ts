import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import {
  BooleanField,
  ChosenId,
  DecimalField,
  EnumField,
  IdField,
  TextField,
  TextSetField,
  TimestampField,
} from '../http/body-fields';
import { countSchema, countsOf, Identified, pageOf, Versioned } from '../http/views';
import { EnumValues } from '../core/enum-values';
import { taskStatuses } from './task.entity';

export const statuses = new EnumValues(taskStatuses, {
  todo: 'pending',
  to_do: 'pending',
  open: 'pending',
  doing: 'in_progress',
  started: 'in_progress',
  done: 'completed',
  complete: 'completed',
  canceled: 'cancelled',
});

export const priorities = new EnumValues([1, 2, 3, 4, 5], {
  highest: 1,
  critical: 1,
  urgent: 1,
  high: 2,
  medium: 3,
  normal: 3,
  low: 4,
  lowest: 5,
});

const tags = {
  description:
    'Names of the tags: at most 20, each with 1 to 50 characters. Names are case-insensitive. Tags that do not exist yet are created.',
  example: ['writing'],
  default: [],
  max: 50,
  maxItems: 20,
};

/** Fields of a task that its user can write. */
export class TaskFields {
  @TextField({ description: 'Title of the task.', example: 'Write the first chapter', min: 1, max: 500 })
  title: string;

  @TextField({ description: 'Description of the task.', nullable: true, max: 20_000 })
  description: string | null;

  @TextField({ description: 'Notes on the progress of the task.', nullable: true, max: 20_000 })
  notes: string | null;

  @EnumField({
    description:
      'Status of the task. Case-insensitive. Synonyms such as "In Progress", "done" and "todo" are accepted.',
    values: statuses,
    default: 'pending',
  })
  status: (typeof taskStatuses)[number];

  @BooleanField({
    description:
      'Whether the status is `completed`. Can be sent instead of `status`: true completes the task, false reopens a completed one.',
  })
  completed: boolean;

  @EnumField({
    description:
      'Priority from 1 (highest) to 5 (lowest). Names such as "urgent", "High" and "low" are accepted.',
    values: priorities,
    default: 3,
  })
  priority: number;

  @TextField({
    description: 'Category of the task, as free text.',
    example: 'writing',
    nullable: true,
    min: 1,
    max: 100,
  })
  category: string | null;

  @TimestampField({
    description:
      "Due date, as an RFC 3339 timestamp. A plain date means the end of that day in the user's time zone.",
    example: '2026-12-31T17:00:00.000Z',
    nullable: true,
  })
  due_date: string | null;

  @DecimalField({ description: 'Estimated effort in hours.', nullable: true, min: 0, max: 100_000 })
  estimated_hours: number | null;

  @DecimalField({
    description:
      'Actual effort in hours. Read-only once the task has ended time entries: then it is their sum.',
    nullable: true,
    min: 0,
    max: 100_000,
  })
  actual_hours: number | null;

  @IdField({ description: 'Id of the goal that the task belongs to.', nullable: true })
  goal_id: string | null;

  @IdField({ description: 'Id of the parent task.', nullable: true })
  parent_task_id: string | null;

  @TextSetField(tags)
  tags: string[];

  @TextField({
    description: 'Name of the project that the task belongs to.',
    nullable: true,
    min: 1,
    max: 200,
  })
  project_name: string | null;

  @TextField({ description: 'Path of the source code repository of the task.', nullable: true, max: 500 })
  repository_path: string | null;
}

class TaskState {
  @BooleanField({
    description:
      'Whether the task depends on an open task. An open task is not completed, not cancelled and not in the trash.',
  })
  is_blocked: boolean;

  @TimestampField({
    description: 'Timestamp of the completion. Null unless the status is `completed`.',
    inResponse: true,
    nullable: true,
  })
  completed_at: string | null;

  @TimestampField({
    description: 'Timestamp of the move to the trash. Null for tasks that are not in the trash.',
    inResponse: true,
    nullable: true,
  })
  deleted_at: string | null;
}

export class TaskView extends IntersectionType(Identified, TaskFields, TaskState, Versioned) {}

export const TaskPage = pageOf(TaskView, 'TaskPage');

class TaskTags {
  @TextSetField({ ...tags, description: `${tags.description} Null means none.`, nullable: true })
  tags: string[];
}

const TaskInput = IntersectionType(OmitType(TaskFields, ['tags']), TaskTags);

export class CreateTask extends IntersectionType(
  ChosenId,
  PickType(TaskInput, ['title']),
  PartialType(OmitType(TaskInput, ['title']), { skipNullProperties: false }),
) {}

export class PatchTask extends PartialType(TaskInput, { skipNullProperties: false }) {}

export class TaskSummary {
  @ApiProperty({ ...countSchema, description: 'Number of tasks outside the trash.' })
  total: number;

  @ApiProperty({ ...countsOf(taskStatuses), description: 'Number of tasks by status.' })
  by_status: object;

  @ApiProperty({ ...countsOf(priorities.values), description: 'Number of tasks by priority.' })
  by_priority: object;

  @ApiProperty({
    type: 'object',
    additionalProperties: countSchema,
    description: 'Number of tasks by category, most frequent first. `none` counts tasks without a category.',
  })
  by_category: object;

  @ApiProperty({
    ...countSchema,
    description: 'Number of tasks whose due date has passed and that are not completed or cancelled.',
  })
  overdue: number;
}

export class TaskDependencyView {
  @IdField({ description: 'Id of the task that depends on another task.' })
  task_id: string;

  @IdField({ description: 'Id of the task that it depends on.' })
  depends_on_id: string;
}
