import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { EnumField, IntegerField, ObjectListField } from '../http/body-fields';
import { EnumValues } from '../core/enum-values';
import { CreateTask, PatchTask, TaskView } from './task.dto';

const maxOperations = 200;

export const operationNames = ['create', 'update', 'complete', 'reopen', 'delete', 'restore'] as const;
export type OperationName = (typeof operationNames)[number];

const operationSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['op'],
  properties: {
    op: { type: 'string', enum: [...operationNames], description: 'Operation.' },
    id: {
      type: 'string',
      format: 'uuid',
      description: 'Id of the task. Required for all operations except `create`.',
    },
    data: {
      description: 'Fields of the task. Required for `create` and `update`.',
      anyOf: [{ $ref: getSchemaPath(CreateTask) }, { $ref: getSchemaPath(PatchTask) }],
    },
    version: {
      type: 'integer',
      minimum: 1,
      description: 'The version that the task must have. Otherwise, the operation fails with 412.',
    },
    force: {
      type: 'boolean',
      description: 'For `complete` and `update`: complete the task even if it depends on an open task.',
    },
  },
} as const;

@ApiExtraModels(CreateTask, PatchTask)
export class Batch {
  @EnumField({
    description:
      '`atomic`: all operations succeed, or none takes effect. `partial`: each operation succeeds or fails on its own.',
    values: new EnumValues(['atomic', 'partial'] as const),
    default: 'atomic',
    optional: true,
  })
  mode: 'atomic' | 'partial' = 'atomic';

  @ObjectListField({
    description: 'Operations, which run in the given order.',
    min: 1,
    max: maxOperations,
    items: operationSchema,
  })
  operations: Record<string, unknown>[];
}

class BatchResult {
  @IntegerField({ description: 'Index of the operation, starting at 0.', min: 0, max: maxOperations - 1 })
  index: number;

  @IntegerField({
    description: 'HTTP status of the operation, the same as for a single request.',
    min: 200,
    max: 599,
  })
  status: number;

  @ApiProperty({
    type: TaskView,
    required: false,
    description: 'The task. Absent after `delete` and for failed operations.',
  })
  data?: object;

  @ApiProperty({
    required: false,
    description: 'The error of a failed operation.',
    allOf: [{ $ref: '#/components/schemas/Problem' }],
  })
  problem?: object;
}

export class BatchResults {
  @ApiProperty({
    type: [BatchResult],
    maxItems: maxOperations,
    description: 'Results in the order of the operations.',
  })
  items: object[];
}
