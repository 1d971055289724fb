import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import { problemsOf } from './problem-responses';
import { rateLimitHeaders, retryAfterHeader } from './response-headers';

/** An operation of the document, with the extensions that decorators have added. */
export type Operation = NonNullable<OpenAPIObject['paths'][string]['get']> & Record<`x-${string}`, unknown>;

const descriptions: Record<number, string> = {
  400: 'The request is malformed: invalid JSON, invalid UTF-8 or an invalid URL.',
  401: 'The credentials or the token are missing, invalid, expired or revoked.',
  403: 'The URL belongs to another user, the token or the user lacks the required permission, or the current password is wrong.',
  404: 'The resource does not exist or belongs to another user.',
  409: 'Conflicts with the current state of the resource.',
  412: 'The resource has another version than the request requires. `current` contains it as it is now.',
  413: 'The request body is too large.',
  415: 'The request body is not uncompressed UTF-8 JSON.',
  422: 'The request is invalid. `errors` lists the invalid fields.',
  429: 'Too many requests. Try again after `Retry-After` seconds.',
  503: 'The service is temporarily unavailable. Try again after `Retry-After` seconds.',
};

/** Documents the problems of an operation: common ones, those of its access rules, and those that it declares. */
export function documentProblems(method: string, operation: Operation, isPublic: boolean): void {
  const problems = problemsOf(operation);
  const statuses = new Set([
    ...[400, 422],
    ...(method === 'get' ? [] : [413, 415]),
    ...(isPublic ? [] : [401, 403, 429, 503]),
    ...problems.map(({ status }) => status),
  ]);
  if (statuses.has(429)) {
    for (const response of Object.values(operation.responses)) {
      if (response && 'description' in response)
        response.headers = { ...response.headers, ...rateLimitHeaders };
    }
  }
  for (const status of [...statuses].sort()) {
    const codes = problems.flatMap((problem) =>
      problem.status === status && problem.code ? [problem.code] : [],
    );
    operation.responses[status] = {
      description: describe(status, codes),
      headers: {
        ...(status === 429 ? rateLimitHeaders : {}),
        ...(status === 429 || status === 503 ? retryAfterHeader : {}),
      },
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
}

function describe(status: number, codes: string[]): string {
  const text = descriptions[status] ?? STATUS_CODES[status] ?? '';
  const list = codes.map((code) => `\`${code}\``).join(', ');
  return codes.length ? `${text} Codes: ${list}.` : text;
}

/** The schema of problem details (RFC 9457). */
export const problemSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'request_id'],
  properties: {
    type: { type: 'string', description: 'Always `about:blank`.', example: 'about:blank' },
    title: { type: 'string', description: 'Name of the HTTP status.', example: 'Unprocessable Entity' },
    status: { type: 'integer', description: 'HTTP status code.', example: 422 },
    detail: {
      type: 'string',
      description: 'Explanation of the error for humans.',
      example: 'The request is invalid: title. See errors for details.',
    },
    instance: { type: 'string', description: 'Path of the request.', example: '/api/v1/tasks' },
    code: { type: 'string', description: 'Machine-readable error code.', example: 'validation_failed' },
    request_id: {
      type: 'string',
      format: 'uuid',
      description: 'Id of the request, also in the `X-Request-Id` header and in the server log.',
    },
    current: {
      type: 'object',
      additionalProperties: true,
      description: 'The resource as it is now. Present with the status 412 if the resource has a version.',
    },
    errors: {
      type: 'array',
      description: 'The invalid fields. Present for validation errors.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['field', 'code', 'message'],
        properties: {
          field: {
            type: 'string',
            description: 'Name of the field or parameter. Empty for the whole body.',
            example: 'title',
          },
          code: { type: 'string', description: 'Machine-readable error code.', example: 'required' },
          message: {
            type: 'string',
            description: 'Explanation that follows the name of the field.',
            example: 'is required',
          },
        },
      },
    },
  },
};
