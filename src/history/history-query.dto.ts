import { IntersectionType } from '@nestjs/swagger';
import { PageQuery } from '../http/page-query';
import { IntegerParam } from '../http/query-params';
import { ForceQuery } from '../tasks/task-query.dto';

export class HistoryQuery extends PageQuery {}

export class UndoQuery {
  @IntegerParam({
    description: 'Undo only if this is the current version.',
    min: 1,
    max: 999_999_999,
  })
  version?: number;
}

export class UndoTaskQuery extends IntersectionType(ForceQuery, UndoQuery) {}
