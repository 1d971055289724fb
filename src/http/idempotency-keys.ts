import { ProblemKind } from '../core/problem-kind';

export const idempotencyKeyInUse = new ProblemKind(
  409,
  'idempotency_key_in_use',
  'A request with this Idempotency-Key is still running. Repeat the request to get its response.',
  undefined,
  { 'retry-after': '1' },
);

export const idempotencyKeyReused = new ProblemKind(
  422,
  'idempotency_key_reused',
  'This Idempotency-Key belongs to another request body. Use a new key for a new request.',
);

export const idempotencyKeyNotSupported = new ProblemKind(
  400,
  'idempotency_key_not_supported',
  'This operation does not support Idempotency-Key. Send the request without it.',
);
