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
import { TaskQuery } from '../tasks/task-query.dto';
import { GoalView, horizonValues, statuses } from './goal.dto';

export class GetGoalQuery {
  @FieldsParam(GoalView)
  fields?: string[];
}

export class DeleteGoalQuery {
  @BooleanParam({
    description:
      'Delete the goal permanently instead of moving it to the trash. Also deletes a goal that is already in the trash.',
  })
  permanent = false;

  @EnumParam({
    description:
      'Use `trash` to move the tasks of the goal to the trash. By default they are kept without a goal.',
    values: ['trash'],
  })
  tasks?: 'trash';
}

const sortable = [
  'created_at',
  'updated_at',
  'target_date',
  'title',
  'status',
  'completed_at',
  'deleted_at',
] as const;

export class GoalQuery extends RowQuery {
  @EnumListParam({ values: statuses })
  status?: string[];

  @EnumListParam({ values: horizonValues, orNone: true })
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

  @BooleanParam({
    description: '`true` lists the goals in the trash instead of all others.',
    default: false,
  })
  trashed = false;

  @SortParam({ columns: sortable, default: '-created_at', isSearchable: true })
  sort = parseSort('-created_at');

  @FieldsParam(GoalView)
  fields?: string[];
}

/** The parameters of the tasks of one goal, which is given in the path. */
export class GoalTaskQuery extends OmitType(TaskQuery, ['goal_id']) {}
