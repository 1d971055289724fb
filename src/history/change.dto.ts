import { ApiProperty } from '@nestjs/swagger';
import { Id, Integer, IntegerParameter, Moment, Word } from '../http/fields';
import { pageOf, PageQuery } from '../http/page-query';
import { Words } from '../core/enum-values';
import { CompleteTaskQuery } from '../tasks/task.dto';
import { entities, operations } from './change.entity';

export class ChangeView {
  @Integer({
    description: 'Numbers the user’s changes in the order in which they were stored.',
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
  })
  id: number;

  @Word({ description: 'What was changed.', of: new Words(entities) })
  entity: (typeof entities)[number];

  @Id({ description: 'Which one.' })
  entity_id: string;

  @Integer({ description: 'Its version after the change.', min: 1, max: 2_147_483_647 })
  version: number;

  @Word({ description: 'The trash is an update, of `deleted_at`.', of: new Words(operations) })
  operation: (typeof operations)[number];

  @ApiProperty({
    type: 'object',
    description: 'Each field that the change was about, as it was and as it became.',
    additionalProperties: {
      type: 'object',
      required: ['old', 'new'],
      properties: { old: {}, new: {} },
    },
    example: { status: { old: 'pending', new: 'completed' } },
  })
  fields: object;

  @Moment({ description: 'When.', answered: true })
  changed_at: string;
}

export const ChangePage = pageOf(ChangeView, 'ChangePage');

export class HistoryQuery extends PageQuery {}

export class UndoQuery extends CompleteTaskQuery {
  @IntegerParameter({
    description: 'Only while this is the version of the task.',
    min: 1,
    max: 999_999_999,
  })
  version?: number;
}
