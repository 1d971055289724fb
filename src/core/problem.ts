import { STATUS_CODES } from 'node:http';
import type { JsonText } from './json-text';

/** The codes of field errors, with their meaning for the OpenAPI document. */
export const fieldErrorCodes = {
  blank: 'has no visible character',
  contradiction: 'contradicts another field',
  duplicate_key: 'appears more than once in a JSON object',
  format: 'has the wrong format',
  invalid: 'is invalid',
  invalid_cursor: 'is not a cursor of this list, or was created with other filters or another sort order',
  invalid_date: 'is not a date or timestamp',
  invalid_id: 'is not a UUID',
  invalid_text: 'has characters that cannot be stored, or a wrong length',
  invalid_token: 'is not a valid token, was used already or has expired',
  not_allowed: 'is not one of the allowed values',
  not_storable: 'has values that cannot be stored',
  out_of_range: 'is too small or too large',
  past: 'is in the past',
  required: 'is missing',
  too_common: 'is a common password',
  too_deep: 'is nested too deeply',
  too_long: 'is too long',
  too_many: 'has too many items',
  too_many_keys: 'has too many JSON keys',
  too_many_values: 'has too many JSON values',
  too_personal: "is a password based on the user's name, username or email address",
  too_precise: 'has too many decimal places',
  too_short: 'is too short',
  type: 'has the wrong JSON type',
  unknown_field: 'is not a known field, or is read-only',
  unknown_timezone: 'is not a known time zone',
} as const;
export type FieldErrorCode = keyof typeof fieldErrorCodes;

/** An error in one field of a request. */
export interface FieldError<Code extends string = FieldErrorCode> {
  field: string;
  code: Code;
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
    /** In a batch, the code can also be that of the problem of an operation. */
    readonly errors?: FieldError<string>[],
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
