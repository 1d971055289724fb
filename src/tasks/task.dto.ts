import { ApiProperty, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import {
  Decimal,
  Flag,
  FlagParameter,
  Id,
  IdList,
  Moment,
  MomentParameter,
  readSort,
  Sort,
  Text,
  TextList,
  TextSet,
  Word,
  WordList,
  WordParameter,
} from '../http/fields';
import { countSchema, countsOf, Identified, Versioned } from '../http/owned-view';
import { pageOf, RowQuery } from '../http/page-query';
import { Words } from '../core/enum-values';
import { taskStatuses } from './task.entity';

const statuses = new Words(taskStatuses, {
  todo: 'pending',
  to_do: 'pending',
  open: 'pending',
  doing: 'in_progress',
  started: 'in_progress',
  done: 'completed',
  complete: 'completed',
  canceled: 'cancelled',
});

const priorities = new Words([1, 2, 3, 4, 5], {
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
  @Text({ description: 'What is to be done.', example: 'Write the first chapter', min: 1, max: 500 })
  title: string;

  @Text({ description: 'More about it.', nullable: true, max: 20_000 })
  description: string | null;

  @Text({ description: 'What came up on the way.', nullable: true, max: 20_000 })
  notes: string | null;

  @Word({ description: 'Also understood: “In Progress”, “done”, “todo”.', of: statuses, default: 'pending' })
  status: (typeof taskStatuses)[number];

  @Flag({ description: 'Whether the status is `completed`. Accepted in place of status.' })
  completed: boolean;

  @Word({
    description: '1 is the highest. Also understood: “High”, “low”, “urgent”.',
    of: priorities,
    default: 3,
  })
  priority: number;

  @Text({ description: 'A word of the user’s own.', example: 'writing', nullable: true, min: 1, max: 100 })
  category: string | null;

  @Moment({
    description: 'RFC 3339. A plain date stands for the end of that day in the user’s time zone.',
    example: '2026-12-31T17:00:00.000Z',
    nullable: true,
  })
  due_date: string | null;

  @Decimal({ description: 'Hours that it should take.', nullable: true, min: 0, max: 100_000 })
  estimated_hours: number | null;

  @Decimal({ description: 'Hours that it took.', nullable: true, min: 0, max: 100_000 })
  actual_hours: number | null;

  @Id({ description: 'The goal that it serves.', nullable: true })
  goal_id: string | null;

  @Id({ description: 'The task that it is a part of.', nullable: true })
  parent_task_id: string | null;

  @TextSet({
    description:
      'At most 20, each with 1 to 50 characters. A tag is made when it is used first, whatever its case.',
    example: ['writing'],
    default: [],
    max: 50,
    maxItems: 20,
  })
  tags: string[];

  @Text({ description: 'The project that it belongs to.', nullable: true, min: 1, max: 200 })
  project_name: string | null;

  @Text({ description: 'Where its code lies.', nullable: true, max: 500 })
  repository_path: string | null;
}

class TaskState {
  @Flag({
    description: 'Whether it depends on a task that is neither completed nor cancelled nor in the trash.',
  })
  is_blocked: boolean;

  @Moment({ description: 'When it was completed: in step with status.', answered: true, nullable: true })
  completed_at: string | null;

  @Moment({ description: 'When it was moved to the trash.', answered: true, nullable: true })
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
  @FlagParameter({ description: 'Remove it for ever, also from the trash.' })
  permanent = false;
}

export class CompleteTaskQuery {
  @FlagParameter({ description: 'Also when it depends on a task that is open.', default: false })
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
  @WordList({ of: statuses })
  status?: string[];

  @FlagParameter({ description: 'Whether the status is `completed`.' })
  completed?: boolean;

  @WordList({ of: priorities })
  priority?: number[];

  @TextList({
    description: 'One or more, by comma (none that has a comma itself); `none` for tasks without.',
    max: 100,
  })
  category?: (string | null)[];

  @IdList({ description: 'One or more, by comma; `none` for tasks without.' })
  goal_id?: (string | null)[];

  @IdList({ description: 'One or more, by comma; `none` for tasks without.' })
  parent_task_id?: (string | null)[];

  @TextList({
    description: 'One or more, by comma (none that has a comma itself); `none` for tasks without.',
    max: 200,
  })
  project_name?: (string | null)[];

  @WordParameter({ description: '`none` for tasks without. For ranges: due_from, due_before.', of: ['none'] })
  due_date?: 'none';

  @MomentParameter({ description: 'Due then or later.' })
  due_from?: string;

  @MomentParameter({ description: 'Due before then.' })
  due_before?: string;

  @TextList({
    description: 'Has any of them, by comma, whatever their case; `none` for tasks without.',
    max: 50,
  })
  tag?: (string | null)[];

  @TextList({ description: 'Has all of them, by comma, whatever their case.', max: 50 })
  tag_all?: (string | null)[];

  @FlagParameter({ description: 'Whether it depends on a task that is open.' })
  is_blocked?: boolean;

  @FlagParameter({ description: '`true` shows the trash.', default: false })
  trashed = false;

  @Sort({ by: sortable, default: '-created_at' })
  sort = readSort('-created_at');
}

export class SubtaskQuery extends OmitType(TaskQuery, ['parent_task_id']) {}

export class TaskSummary {
  @ApiProperty(countSchema)
  total: number;

  @ApiProperty(countsOf(taskStatuses))
  by_status: object;

  @ApiProperty(countsOf(priorities.words))
  by_priority: object;

  @ApiProperty({
    type: 'object',
    additionalProperties: countSchema,
    description: 'The most frequent one first; `none` stands for tasks without.',
  })
  by_category: object;

  @ApiProperty({ ...countSchema, description: 'Due before now, and neither completed nor cancelled.' })
  overdue: number;
}
