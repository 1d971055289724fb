import { STATUS_CODES } from 'node:http';

/** What is wrong with one field of a request. */
export interface FieldFlaw {
  field: string;
  code: string;
  message: string;
}

/** An answer that is not the one hoped for, as RFC 9457 has it. Throw it anywhere; `ProblemFilter` sends it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors?: FieldFlaw[],
    readonly headers: Record<string, string> = {},
  ) {
    super(detail);
  }

  get title(): string {
    return STATUS_CODES[this.status] ?? 'Error';
  }
}

/** The same bytes for a row that does not exist and for somebody else's. */
export function notFound(resource: string): Problem {
  return new Problem(404, 'not_found', `There is no ${resource} with this id.`);
}

/** @param errors each flaw that was found; at least one */
export function invalid(errors: FieldFlaw[]): Problem {
  // Names come from clients: a lone surrogate among them would not be JSON for everybody.
  errors = errors.map((flaw) => ({ ...flaw, field: flaw.field.toWellFormed() }));
  const fields = errors.map(({ field }) => field || 'body').join(', ');
  return new Problem(
    422,
    'validation_failed',
    `The request is invalid: ${fields}. See errors for details.`,
    errors,
  );
}

export function unknownField(field: string): FieldFlaw {
  return { field, code: 'unknown_field', message: 'is unknown or read-only' };
}

export function unauthorized(detail: string, code = 'unauthorized'): Problem {
  return new Problem(401, code, detail, undefined, { 'www-authenticate': 'Bearer realm="cairn"' });
}

export function forbidden(code: string, detail: string, headers?: Record<string, string>): Problem {
  return new Problem(403, code, detail, undefined, headers);
}

/** @param seconds after which the client may try again */
export function unavailable(detail: string, seconds = 1): Problem {
  return new Problem(503, 'unavailable', detail, undefined, { 'retry-after': String(seconds) });
}
