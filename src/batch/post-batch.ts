import { applyDecorators, HttpCode, Post, Type } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { preconditionFailed } from '../core/preconditions';
import type { ProblemKind } from '../core/problem-kind';
import { LargeBody } from '../http/json-body';
import { Problems } from '../http/problem-responses';
import type { Batch } from './batch.dto';

/**
 * The route of the batches of a resource.
 * @param name of the resource · @param example data of a new row · @param problems of the operations
 */
export function PostBatch(options: {
  name: string;
  Body: Type<Batch>;
  Results: Type;
  example: object;
  problems: ProblemKind[];
}): MethodDecorator {
  const { name, Body, Results, example, problems } = options;
  return applyDecorators(
    Post('batch'),
    LargeBody(),
    Problems(404, preconditionFailed, ...problems),
    HttpCode(200),
    ApiOperation({
      summary: `Run several ${name} operations in one request`,
      description:
        'Runs up to 200 operations in the given order. Mode `atomic`: if one operation fails, none takes effect, and the ' +
        'error names that operation. Mode `partial`: each operation succeeds or fails on its own, and the response is 207 ' +
        'with the status of each.',
    }),
    ApiBody({
      type: Body,
      examples: { atomic: { value: { operations: [{ op: 'create', data: example }] } } },
    }),
    ApiOkResponse({ type: Results, description: 'All operations succeeded.' }),
    ApiResponse({
      status: 207,
      type: Results,
      description: 'The status of each operation, in mode `partial`.',
    }),
  );
}
