import { ProblemKind } from './problem-kind';

/*
 * The problems that any request can cause, as the OpenAPI document describes them. The detail of an actual problem is
 * often more specific.
 */

export const badRequest = new ProblemKind(400, 'bad_request', 'The request is malformed.');

export const malformedBody = new ProblemKind(400, 'malformed_body', 'The request body is not valid JSON.');

export const unauthorizedRequest = new ProblemKind(
  401,
  'unauthorized',
  'The access token is missing, invalid or expired. Send a valid one as Authorization: Bearer <access_token>.',
);

export const missingResource = new ProblemKind(404, 'not_found', 'There is no resource with this id.');

export const methodNotAllowed = new ProblemKind(
  405,
  'method_not_allowed',
  'The method POST is not allowed here. Allowed methods: GET, HEAD, OPTIONS.',
);

export const notAcceptable = new ProblemKind(
  406,
  'not_acceptable',
  'This operation responds with application/json, which Accept excludes.',
);

export const requestTimeout = new ProblemKind(
  408,
  'timeout',
  'The request was not received completely in time. Try again.',
);

export const bodyTooLarge = new ProblemKind(
  413,
  'too_large',
  'The request body is larger than 64 KiB, or 1 MiB for a batch.',
);

export const unsupportedMediaType = new ProblemKind(
  415,
  'unsupported_media_type',
  'The request body must be UTF-8 JSON with the content type application/json.',
);

export const validationFailed = new ProblemKind(
  422,
  'validation_failed',
  'The request is invalid. See errors for details.',
);

export const rateLimited = new ProblemKind(
  429,
  'rate_limited',
  'Too many requests. Try again in 12 seconds.',
);

export const tooManyRequests = new ProblemKind(
  429,
  'too_many_requests',
  'Too many of your requests are in progress. Wait for their responses and try again.',
);

export const headersTooLarge = new ProblemKind(
  431,
  'headers_too_large',
  'The request headers are larger than 16 KiB.',
);

export const internalError = new ProblemKind(
  500,
  'internal_error',
  'An internal error occurred. Include the request_id when you report it.',
);

export const serviceUnavailable = new ProblemKind(503, 'unavailable', 'The database is busy. Try again.');
