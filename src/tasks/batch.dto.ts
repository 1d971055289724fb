import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { Integer, ObjectList, Word } from '../http/fields';
import { Words } from '../core/enum-values';
import { CreateTask, PatchTask, TaskView } from './task.dto';

export const operationNames = ['create', 'update', 'complete', 'reopen', 'delete', 'restore'] as const;
export type OperationName = (typeof operationNames)[number];

const schemaOfOperation = {
  type: 'object',
  additionalProperties: false,
  required: ['op'],
  properties: {
    op: { type: 'string', enum: [...operationNames] },
    id: { type: 'string', format: 'uuid', description: 'The task; not for `create`.' },
    data: {
      description: 'For `create` and `update`.',
      anyOf: [{ $ref: getSchemaPath(CreateTask) }, { $ref: getSchemaPath(PatchTask) }],
    },
    force: {
      type: 'boolean',
      description: 'For `complete` and `update`: also when the task depends on one that is open.',
    },
  },
} as const;

@ApiExtraModels(CreateTask, PatchTask)
export class Batch {
  @Word({
    description: '`atomic`: all or nothing. `partial`: each by itself.',
    of: new Words(['atomic', 'partial'] as const),
    default: 'atomic',
    optional: true,
  })
  mode: 'atomic' | 'partial' = 'atomic';

  @ObjectList({
    description: 'Done in their order.',
    min: 1,
    max: 200,
    items: schemaOfOperation,
  })
  operations: Record<string, unknown>[];
}

class BatchResult {
  @Integer({ description: 'Which operation, from 0.', min: 0, max: 199 })
  index: number;

  @Integer({ description: 'As the operation would have been answered by itself.', min: 200, max: 599 })
  status: number;

  @ApiProperty({ type: TaskView, required: false, description: 'The task, where there is one to show.' })
  data?: object;

  @ApiProperty({
    required: false,
    description: 'What was wrong.',
    allOf: [{ $ref: '#/components/schemas/Problem' }],
  })
  problem?: object;
}

export class BatchView {
  @ApiProperty({ type: [BatchResult] })
  items: object[];
}
