import { ApiProperty } from '@nestjs/swagger';
import { Id, Integer, IntegerParameter, Moment, Word } from '../http/fields';
import { pageOf, PageQuery } from '../http/page-query';
import { Words } from '../core/enum-values';
import { CompleteTaskQuery } from '../tasks/task.dto';
import { entities, operations } from './change.entity';

export class ChangeView {
  @Integer({
    description: "Id of the change. Ids increase in the order in which the user's changes were stored.",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
  })
  id: number;

  @Word({ description: 'Type of the changed resource.', of: new Words(entities) })
  entity: (typeof entities)[number];

  @Id({ description: 'Id of the changed resource.' })
  entity_id: string;

  @Integer({ description: 'Version of the resource after the change.', min: 1, max: 2_147_483_647 })
  version: number;

  @Word({
    description: 'What was done. Moving a task to the trash or restoring it is an `update` of `deleted_at`.',
    of: new Words(operations),
  })
  operation: (typeof operations)[number];

  @ApiProperty({
    type: 'object',
    description: 'The changed fields, each with its old and its new value.',
    additionalProperties: {
      type: 'object',
      required: ['old', 'new'],
      properties: { old: {}, new: {} },
    },
    example: { status: { old: 'pending', new: 'completed' } },
  })
  fields: object;

  @Moment({ description: 'Timestamp of the change.', answered: true })
  changed_at: string;
}

export const ChangePage = pageOf(ChangeView, 'ChangePage');

export class HistoryQuery extends PageQuery {}

export class UndoQuery extends CompleteTaskQuery {
  @IntegerParameter({
    description: 'Undo only if this is the current version of the task.',
    min: 1,
    max: 999_999_999,
  })
  version?: number;
}
