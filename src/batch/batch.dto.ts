import type { Type } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { EnumField, IntegerField, ObjectListField } from '../http/body-fields';
import { maxVersion } from '../http/conditional-requests';
import { EnumValues } from '../core/enum-values';

const maxOperations = 200;

export const operationNames = ['create', 'update', 'complete', 'reopen', 'delete', 'restore'] as const;
export type OperationName = (typeof operationNames)[number];

/** The data of the operations on one kind of resource. */
export interface BatchBodies {
  Create: Type<object>;
  Patch: Type<object>;
  /** Whether `complete` and `update` have the member `force`. */
  acceptsForce: boolean;
}

/** @param name of the resource */
function operationSchema(name: string, { Create, Patch, acceptsForce }: BatchBodies) {
  const force = {
    type: 'boolean',
    description: `For \`complete\` and \`update\`: complete the ${name} even if it depends on an open ${name}.`,
  };
  return {
    type: 'object',
    additionalProperties: false,
    required: ['op'],
    properties: {
      op: { type: 'string', enum: [...operationNames], description: 'Operation.' },
      id: {
        type: 'string',
        format: 'uuid',
        description: `Id of the ${name}. Required for all operations except \`create\`.`,
      },
      data: {
        description: `Fields of the ${name}. Required for \`create\` and \`update\`.`,
        anyOf: [{ $ref: getSchemaPath(Create) }, { $ref: getSchemaPath(Patch) }],
      },
      version: {
        type: 'integer',
        minimum: 1,
        maximum: maxVersion,
        description: `The version that the ${name} must have. Otherwise, the operation fails with 412.`,
      },
      ...(acceptsForce && { force }),
    },
  } as const;
}

export abstract class Batch {
  @EnumField({
    description:
      '`atomic`: all operations succeed, or none takes effect. `partial`: each operation succeeds or fails on its own.',
    values: new EnumValues(['atomic', 'partial'] as const),
    default: 'atomic',
    optional: true,
  })
  mode: 'atomic' | 'partial' = 'atomic';

  operations: Record<string, unknown>[];
}

/** The body of a batch. @param name of the resource */
export function batchOf(name: string, bodies: BatchBodies): Type<Batch> {
  @ApiExtraModels(bodies.Create, bodies.Patch)
  class BatchOfRows extends Batch {
    @ObjectListField({
      description: 'Operations, which run in the given order.',
      min: 1,
      max: maxOperations,
      items: operationSchema(name, bodies),
    })
    override operations: Record<string, unknown>[];
  }
  return BatchOfRows;
}

abstract class BatchResult {
  @IntegerField({ description: 'Index of the operation, starting at 0.', min: 0, max: maxOperations - 1 })
  index: number;

  @IntegerField({
    description: 'HTTP status of the operation, the same as for a single request.',
    min: 200,
    max: 599,
  })
  status: number;

  @ApiProperty({
    required: false,
    description: 'The error of a failed operation.',
    allOf: [{ $ref: '#/components/schemas/Problem' }],
  })
  problem?: object;
}

/** The result of an operation of a batch. @param name of the resource */
export function batchResultOf(name: string, View: Type): Type {
  class ResultOfRow extends BatchResult {
    @ApiProperty({
      type: View,
      required: false,
      description: `The ${name}. Absent after \`delete\` and for failed operations.`,
    })
    data?: object;
  }
  return ResultOfRow;
}

/** The response to a batch. */
export function batchResultsOf(Result: Type): Type {
  class ResultsOfRows {
    @ApiProperty({
      type: [Result],
      maxItems: maxOperations,
      description: 'Results in the order of the operations.',
    })
    items: object[];
  }
  return ResultsOfRows;
}
