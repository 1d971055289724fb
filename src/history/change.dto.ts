import { ApiProperty } from '@nestjs/swagger';
import {
  BooleanField,
  EnumField,
  IdField,
  IntegerField,
  TextField,
  TimestampField,
} from '../http/body-fields';
import { pageOf } from '../http/views';
import { EnumValues } from '../core/enum-values';
import { operations } from './change.entity';

export class ChangeView {
  @IntegerField({
    description: "Id of the change. Ids increase in the order in which the user's changes were stored.",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
  })
  id: number;

  @TextField({
    description: 'Type of the changed resource, such as `task` or `goal`.',
    example: 'task',
    max: 50,
  })
  entity: string;

  @IdField({ description: 'Id of the changed resource.' })
  entity_id: string;

  @IntegerField({ description: 'Version of the resource after the change.', min: 1, max: 2_147_483_647 })
  version: number;

  @EnumField({
    description:
      'Operation. Moving a task or goal to the trash or restoring it is an `update` of `deleted_at`.',
    values: new EnumValues(operations),
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

  @TimestampField({ description: 'Timestamp of the change.', inResponse: true })
  changed_at: string;

  @BooleanField({ description: 'Whether the change was imported with its task or goal.' })
  is_imported: boolean;
}

export const ChangePage = pageOf(ChangeView, 'ChangePage');
