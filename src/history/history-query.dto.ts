import { PageQuery } from '../http/page-query';
import { IntegerParam } from '../http/query-params';
import { ForceQuery } from '../tasks/task-query.dto';

export class HistoryQuery extends PageQuery {}

export class UndoQuery extends ForceQuery {
  @IntegerParam({
    description: 'Undo only if this is the current version of the task.',
    min: 1,
    max: 999_999_999,
  })
  version?: number;
}
