import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import {
  BooleanField,
  DecimalField,
  EnumField,
  IdField,
  TextField,
  TextSetField,
  TimestampField,
} from '../http/body-fields';
import {
  BooleanParam,
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
import { taskStatuses } from './task.entity';

const statuses = new EnumValues(taskStatuses, {
  todo: 'pending',
  to_do: 'pending',
  open: 'pending',
  doing: 'in_progress',
  started: 'in_progress',
  done: 'completed',
  complete: 'completed',
  canceled: 'cancelled',
});

const priorities = new EnumValues([1, 2, 3, 4, 5], {
  highest: 1,
  critical: 1,
  urgent: 1,
  high: 2,
  medium: 3,
  normal: 3,
  low: 4,
  lowest: 5,
});

/** What users say of a task. */
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
    description: 'Category of the task, chosen by the user.',
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
      'Actual effort in hours. The sum of the time entries if the task has any, and then not writable.',
    nullable: true,
    min: 0,
    max: 100_000,
  })
  actual_hours: number | null;

  @IdField({ description: 'Id of the goal that the task belongs to.', nullable: true })
  goal_id: string | null;

  @IdField({ description: 'Id of the parent task.', nullable: true })
  parent_task_id: string | null;

  @TextSetField({
    description:
      'Names of the tags: at most 20, each with 1 to 50 characters. Names are case-insensitive. Tags that do not exist yet are created.',
    example: ['writing'],
    default: [],
    max: 50,
    maxItems: 20,
  })
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
      'Whether the task depends on an open task, that is, one that is not completed, cancelled or in the trash.',
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

export class CreateTask extends IntersectionType(
  PickType(TaskFields, ['title']),
  PartialType(OmitType(TaskFields, ['title']), { skipNullProperties: false }),
) {}

export class PatchTask extends PartialType(TaskFields, { skipNullProperties: false }) {}

export class DeleteTaskQuery {
  @BooleanParam({
    description:
      'Delete the task permanently instead of moving it to the trash. Also deletes a task that is already in the trash.',
  })
  permanent = false;
}

export class CompleteTaskQuery {
  @BooleanParam({ description: 'Complete the task even if it depends on an open task.', default: false })
  force = false;
}

const sortable = [
  'created_at',
  'updated_at',
  'due_date',
  'priority',
  'title',
  'status',
  'completed_at',
  'deleted_at',
] as const;

export class TaskQuery extends RowQuery {
  @EnumListParam({ values: statuses })
  status?: string[];

  @BooleanParam({ description: 'Only tasks whose status is (true) or is not (false) `completed`.' })
  completed?: boolean;

  @EnumListParam({ values: priorities })
  priority?: number[];

  @TextListParam({
    description:
      'Comma-separated category names, each without a comma. Use `none` for tasks without a category.',
    max: 100,
  })
  category?: (string | null)[];

  @IdListParam({ description: 'Comma-separated goal ids. Use `none` for tasks without a goal.' })
  goal_id?: (string | null)[];

  @IdListParam({ description: 'Comma-separated ids of parent tasks. Use `none` for tasks without a parent.' })
  parent_task_id?: (string | null)[];

  @TextListParam({
    description:
      'Comma-separated project names, each without a comma. Use `none` for tasks without a project.',
    max: 200,
  })
  project_name?: (string | null)[];

  @EnumParam({
    description: 'Use `none` for tasks without a due date. Use `due_from` and `due_before` for ranges.',
    values: ['none'],
  })
  due_date?: 'none';

  @TimestampParam({ description: 'Only tasks due at or after this time.' })
  due_from?: string;

  @TimestampParam({ description: 'Only tasks due before this time.' })
  due_before?: string;

  @TextListParam({
    description:
      'Only tasks with at least one of these tags. Comma-separated and case-insensitive. Use `none` for tasks without tags.',
    max: 50,
  })
  tag?: (string | null)[];

  @TextListParam({
    description: 'Only tasks with all of these tags. Comma-separated and case-insensitive.',
    max: 50,
  })
  tag_all?: (string | null)[];

  @BooleanParam({ description: 'Only tasks that depend (true) or do not depend (false) on an open task.' })
  is_blocked?: boolean;

  @BooleanParam({
    description: 'Use `true` for the tasks in the trash instead of those outside it.',
    default: false,
  })
  trashed = false;

  @SortParam({ columns: sortable, default: '-created_at' })
  sort = parseSort('-created_at');
}

export class SubtaskQuery extends OmitType(TaskQuery, ['parent_task_id']) {}

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
