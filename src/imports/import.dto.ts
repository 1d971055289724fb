import { ApiProperty } from '@nestjs/swagger';
import { BooleanField, EnumField, IdField, TimestampField } from '../http/body-fields';
import { BooleanParam } from '../http/query-params';
import { countSchema } from '../http/views';
import { EnumValues } from '../core/enum-values';
import { importStatuses } from './import.entity';
import { members } from './export-items';

const countsSchema = {
  type: 'object' as const,
  properties: Object.fromEntries(members.map((member) => [member, countSchema])),
  required: [...members] as string[],
  additionalProperties: false,
};

export class ImportQuery {
  @BooleanParam({ description: 'Check and import everything, then roll it back.' })
  validate_only = false;
}

/** The last import of the current user. */
export class ImportView {
  @IdField({ description: 'Unique id of the import.' })
  id: string;

  @EnumField({
    description:
      '`uploading`: the document is being received. `waiting`: the import begins soon. `running`: see `progress`. ' +
      '`completed`: everything is imported. `failed`: nothing is imported, see `error`.',
    values: new EnumValues(importStatuses),
  })
  status: (typeof importStatuses)[number];

  @BooleanField({ description: 'Whether everything is rolled back at the end.' })
  validate_only: boolean;

  @ApiProperty({
    type: 'object',
    nullable: true,
    description:
      'What is being done, and how much of it, in bytes or rows. Null unless the import is running.',
    required: ['step', 'done', 'total'],
    properties: { step: { type: 'string', maxLength: 100 }, done: countSchema, total: countSchema },
    additionalProperties: false,
    example: { step: 'Writing tasks', done: 1500, total: 10_000 },
  })
  progress: object | null;

  @ApiProperty({
    type: 'object',
    nullable: true,
    description:
      'Number of items of each array that were created, and that existed and were left as they are. Null unless the import is completed.',
    required: ['created', 'existing'],
    properties: { created: countsSchema, existing: countsSchema },
    additionalProperties: false,
  })
  counts: object | null;

  @ApiProperty({
    type: 'object',
    nullable: true,
    description: 'Why the import failed: the members `code`, `detail` and `errors` of problem details.',
    required: ['code', 'detail'],
    properties: {
      code: { type: 'string', maxLength: 100 },
      detail: { type: 'string', maxLength: 1000 },
      errors: {
        type: 'array',
        maxItems: 100,
        items: {
          type: 'object',
          required: ['field', 'code', 'message'],
          properties: {
            field: { type: 'string', maxLength: 1000 },
            code: { type: 'string', maxLength: 100 },
            message: { type: 'string', maxLength: 1000 },
          },
        },
      },
    },
    example: {
      code: 'validation_failed',
      detail: 'The document is invalid in 1 place. Nothing was imported.',
      errors: [
        {
          field: 'tasks[3].goal_id',
          code: 'not_found',
          message: 'is not in the document and not in the account',
        },
      ],
    },
  })
  error: object | null;

  @TimestampField({ description: 'Timestamp of the request.', inResponse: true })
  created_at: string;

  @TimestampField({ description: 'Timestamp of the end. Null before.', inResponse: true, nullable: true })
  finished_at: string | null;
}
