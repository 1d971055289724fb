import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import {
  badRequest,
  bodyTooLarge,
  malformedBody,
  missingResource,
  notAcceptable,
  rateLimited,
  serviceUnavailable,
  tooManyRequests,
  unauthorizedRequest,
  unsupportedMediaType,
  validationFailed,
} from '../core/general-problems';
import { FieldError, fieldErrorCodes, invalid, unknownField } from '../core/problem';
import { ProblemKind, problemKinds } from '../core/problem-kind';
import { accessExtensions } from './access';
import {
  emailNotVerified,
  insufficientScope,
  readOnlyTokenRequired,
  sessionRequired,
} from './access-problems';
import { invalidId } from './id-param';
import type { Node } from './openapi-schemas';
import { problemsOf } from './problem-responses';
import { rateLimitHeaders, retryAfterHeader } from './response-headers';

/** An operation of the document, with the extensions that decorators have added. */
export type Operation = NonNullable<OpenAPIObject['paths'][string]['get']> & Record<`x-${string}`, unknown>;

const descriptions: Record<number, string> = {
  400: 'The request is malformed: invalid JSON, invalid UTF-8 or an invalid URL.',
  401: 'The credentials or the token are missing, invalid, expired or revoked.',
  403: 'The token or the user lacks the required permission, or the current password is wrong.',
  404: 'The resource does not exist or belongs to another user.',
  406: 'The client does not accept the media type of the response.',
  409: 'Conflicts with the current state of the resource.',
  412: 'The resource has another version than the request requires. `current` contains it as it is now.',
  413: 'The request body is too large.',
  415: 'The request body is not uncompressed UTF-8 JSON.',
  422: 'The request is invalid. `errors` lists the invalid fields.',
  429: 'Too many requests. Try again after `Retry-After` seconds.',
  503: 'The service is temporarily unavailable. Try again after `Retry-After` seconds.',
};

/** The problems that `@Problems` names by their status alone. */
const generalProblems = [
  badRequest,
  unauthorizedRequest,
  missingResource,
  validationFailed,
  rateLimited,
  serviceUnavailable,
];

/**
 * Documents the problems of an operation: common ones, those of its access rules, and those that it declares.
 * @param url the path with example values for its parameters
 * @param schemas the component schemas
 */
export function documentProblems(
  operation: Operation,
  isPublic: boolean,
  url: string,
  schemas: Record<string, Node>,
): void {
  const declared = problemsOf(operation).flatMap((problem) =>
    typeof problem === 'number' ? generalProblems.filter(({ status }) => status === problem) : [problem],
  );
  const hasContent = Object.entries(operation.responses).some(
    ([status, response]) => status.startsWith('2') && response && 'content' in response && response.content,
  );
  const kinds = new Set([
    badRequest,
    validationFailed,
    ...(hasContent ? [notAcceptable] : []),
    ...(isPublic ? [] : [unauthorizedRequest, ...accessProblemsOf(operation), rateLimited]),
    ...(operation.requestBody ? [malformedBody, bodyTooLarge, unsupportedMediaType] : []),
    ...(operation.requestBody || !isPublic ? [tooManyRequests, serviceUnavailable] : []),
    ...declared,
  ]);
  const statuses = [...new Set([...kinds].map(({ status }) => status))].sort();
  // Requests are counted after their body was parsed and their token was verified.
  const isCounted = (status: number) => kinds.has(rateLimited) && ![400, 401, 413, 415, 503].includes(status);
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response && 'description' in response && isCounted(Number(status)))
      response.headers = { ...response.headers, ...rateLimitHeaders };
  }
  for (const status of statuses) {
    const ofStatus = [...kinds].filter((kind) => kind.status === status);
    const codes = ofStatus.map(({ code }) => `\`${code}\``).join(', ');
    const example = (kind: ProblemKind) => ({
      value: problemExample(
        kind,
        url,
        kind === validationFailed ? fieldErrorOf(operation, schemas) : undefined,
      ),
    });
    operation.responses[status] = {
      description: `${descriptions[status] ?? STATUS_CODES[status]} Codes: ${codes}.`,
      headers: {
        ...(isCounted(status) ? rateLimitHeaders : {}),
        ...(status === 429 || status === 503 ? retryAfterHeader : {}),
      },
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(ofStatus.map((kind) => [kind.code, example(kind)])),
        },
      },
    };
  }
}

function accessProblemsOf(operation: Operation): ProblemKind[] {
  const has = (rule: keyof typeof accessExtensions) => operation[accessExtensions[rule]] === true;
  return [
    has('sessionOnly') ? sessionRequired : insufficientScope,
    ...(has('superuserOnly') ? [sessionRequired] : []),
    ...(has('allowUnverified') ? [] : [emailNotVerified]),
    ...(has('tokenInUrl') ? [readOnlyTokenRequired] : []),
  ];
}

/** An error in a field of this operation. */
function fieldErrorOf(
  { requestBody, parameters = [] }: Operation,
  schemas: Record<string, Node>,
): FieldError {
  const reference = /#\/components\/schemas\/(\w+)/.exec(JSON.stringify(requestBody ?? {}))?.[1] ?? '';
  const [required] = schemas[reference]?.required ?? [];
  if (required !== undefined) return { field: required, code: 'required', message: 'is required' };
  const id = parameters.find((parameter) => 'in' in parameter && parameter.in === 'path');
  return id && 'name' in id ? invalidId(id.name) : unknownField('unknown');
}

function problemExample(kind: ProblemKind, instance: string, error: FieldError | undefined): object {
  const { title, status, code, detail, errors } = error ? invalid([error]) : kind.create();
  return {
    type: 'about:blank',
    title,
    status,
    detail,
    instance,
    code,
    request_id: '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3',
    errors,
  };
}

/** The schema of problem details (RFC 9457), with the codes of all features. */
export function problemSchema(): Node {
  const codes = [...new Set(problemKinds().map(({ code }) => code))].sort();
  const meanings = Object.entries(fieldErrorCodes).map(([code, meaning]) => `\`${code}\` ${meaning}`);
  return {
    type: 'object',
    description: 'An error response: problem details (RFC 9457).',
    additionalProperties: false,
    required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'request_id'],
    properties: {
      type: {
        type: 'string',
        const: 'about:blank',
        description: 'Always `about:blank`: use `code` instead.',
      },
      title: { type: 'string', maxLength: 100, description: 'Name of the status.', example: 'Not Found' },
      status: {
        type: 'integer',
        minimum: 400,
        maximum: 599,
        format: 'int32',
        description: 'HTTP status.',
        example: 404,
      },
      detail: {
        type: 'string',
        maxLength: 100_000,
        description: 'Explanation for humans.',
        example: 'There is no task with this id.',
      },
      instance: {
        type: 'string',
        maxLength: 16_384,
        description: 'Path of the request.',
        example: '/api/v1/tasks',
      },
      code: {
        type: 'string',
        enum: codes,
        description: 'Machine-readable error code.',
        example: 'not_found',
      },
      request_id: {
        type: 'string',
        maxLength: 100,
        description: 'Id of the request, also in the `X-Request-Id` header and in the server log.',
        example: '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3',
      },
      current: {
        type: 'object',
        additionalProperties: true,
        description: 'The resource as it is now. Present with the status 412 if the resource has a version.',
      },
      errors: {
        type: 'array',
        maxItems: 1000,
        description: 'The invalid fields. Present for validation errors.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['field', 'code', 'message'],
          properties: {
            field: {
              type: 'string',
              maxLength: 65_536,
              description: 'Name of the field or parameter. Empty for the whole body.',
              example: 'title',
            },
            code: {
              type: 'string',
              enum: [...new Set([...Object.keys(fieldErrorCodes), ...codes])].sort(),
              description:
                `Machine-readable error code: the field ${meanings.join('; ')}. ` +
                'For a failed operation of a batch, the code of its problem.',
              example: 'required',
            },
            message: {
              type: 'string',
              maxLength: 100_000,
              description: 'Explanation that follows the name of the field.',
              example: 'is required',
            },
          },
        },
      },
    },
  };
}
