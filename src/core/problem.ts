import { STATUS_CODES } from 'node:http';
import type { JsonText } from './json-text';

/** An error in one field of a request. */
export interface FieldError {
  field: string;
  code: string;
  message: string;
}

/** An error response as problem details (RFC 9457). Throw it anywhere; `ProblemFilter` sends it. */
export class Problem extends Error {
  /** For 412: the resource as it is now. */
  current?: JsonText;

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors?: FieldError[],
    readonly headers: Record<string, string> = {},
  ) {
    super(detail);
  }

  get title(): string {
    return STATUS_CODES[this.status] ?? 'Error';
  }
}

/** Does not reveal whether the row does not exist or belongs to another user. */
export function notFound(resource: string): Problem {
  return new Problem(404, 'not_found', `There is no ${resource} with this id.`);
}

/** @param errors every error that was found; at least one */
export function invalid(errors: FieldError[]): Problem {
  // Field names come from clients: a lone surrogate is not valid in JSON.
  errors = errors.map((error) => ({ ...error, field: error.field.toWellFormed() }));
  const fields = errors.map(({ field }) => field || 'body').join(', ');
  const detail = `The request is invalid: ${fields}. See errors for details.`;
  return new Problem(422, 'validation_failed', detail, errors);
}

export function unknownField(field: string): FieldError {
  return { field, code: 'unknown_field', message: 'is unknown or read-only' };
}

export function unauthorized(detail: string, code = 'unauthorized'): Problem {
  return new Problem(401, code, detail, undefined, { 'www-authenticate': 'Bearer realm="cairn"' });
}

export function forbidden(code: string, detail: string, headers?: Record<string, string>): Problem {
  return new Problem(403, code, detail, undefined, headers);
}

/** The session or token of the request is no longer valid. */
export function sessionEnded(): Problem {
  return unauthorized('The session or token has expired or was revoked. Sign in again.');
}

/** @param seconds after which the client may try again */
export function unavailable(detail: string, seconds = 1): Problem {
  return new Problem(503, 'unavailable', detail, undefined, { 'retry-after': String(seconds) });
}
