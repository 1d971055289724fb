import { OmitType } from '@nestjs/swagger';
import { parseSort } from '../core/page-request';
import { RowQuery } from '../http/page-query';
import {
  BooleanParam,
  EnumListParam,
  EnumParam,
  FieldsParam,
  IdListParam,
  SortParam,
  TextListParam,
  TimestampParam,
} from '../http/query-params';
import { priorities, statuses, TaskView } from './task.dto';

export class GetTaskQuery {
  @FieldsParam(TaskView)
  fields?: string[];
}

export class DeleteTaskQuery {
  @BooleanParam({
    description:
      'Delete the task permanently instead of moving it to the trash. Also deletes a task that is already in the trash.',
  })
  permanent = false;
}

export class ForceQuery {
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

  @BooleanParam({ description: '`true`: only completed tasks. `false`: only other tasks.' })
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

  @BooleanParam({ description: '`true`: only tasks that depend on an open task. `false`: only other tasks.' })
  is_blocked?: boolean;

  @BooleanParam({
    description: '`true` lists the tasks in the trash instead of all others.',
    default: false,
  })
  trashed = false;

  @SortParam({ columns: sortable, default: '-created_at', isSearchable: true })
  sort = parseSort('-created_at');

  @FieldsParam(TaskView)
  fields?: string[];
}

export class SubtaskQuery extends OmitType(TaskQuery, ['parent_task_id']) {}
