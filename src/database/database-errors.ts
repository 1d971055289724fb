import { DatabaseError } from 'pg';
import { QuotaName, quotas } from '../core/quotas';
import {
  forbidden,
  invalid,
  notFound,
  Problem,
  sessionEnded,
  unauthorized,
  unavailable,
} from '../core/problem';
import { preconditionFailed } from '../core/preconditions';
import { ProblemKind, problemKindOf, problemKindOfConstraint } from '../core/problem-kind';

/** Declared here because several features have trees of rows. */
export const ancestorCycle = new ProblemKind(
  409,
  'cycle',
  'A task or goal cannot be its own ancestor. Choose another parent.',
);

/** Declared here because clients can choose the ids of several resources. */
export const idTaken = new ProblemKind(
  409,
  'id_taken',
  'You already have an item with this id, perhaps in the trash. It may have been created by an earlier attempt of this request.',
);

/** Declared here because triggers of several features raise it. Its detail names the quota. */
export const quotaExceeded = new ProblemKind(409, 'quota_exceeded', 'A quota of the account is exceeded.');

/**
 * Maps an error from PostgreSQL to the problem that the client gets; returns the error itself if it corresponds to none.
 *
 * SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html. Those that begin with ZC are raised by
 * Cairn's own functions: ZC401 if the session or token is not valid, ZC403 and ZC409 with the code of a problem as HINT
 * (and the quota as DETAIL if one is exceeded), ZC404 with the name of the missing resource as HINT, ZC412 if the row has
 * another version than the client requires.
 */
export function toProblem(error: DatabaseError): Problem | DatabaseError {
  const { code = '', constraint = '', table = '', hint, detail } = error;
  const field = constraint.replace(`${table}_`, '').replace(/_(fkey|check|key)$/, '');
  switch (code) {
    case 'ZC401':
      return sessionEnded();
    case 'ZC403':
      return (
        problemKindOf(hint ?? '')?.create() ??
        forbidden('forbidden', 'You do not have permission for this operation.')
      );
    case 'ZC404':
      return notFound(hint ?? 'row');
    case 'ZC409':
      if (hint === quotaExceeded.code) return quotaExceeded.create(quotaText(detail));
      return problemKindOf(hint ?? '')?.create() ?? error;
    case 'ZC412':
      return preconditionFailed.create();
    case '23505': // unique_violation
      if (constraint === `${table}_pkey`) return idTaken.create();
      return problemKindOfConstraint(constraint)?.create() ?? error;
    case '23503': // foreign_key_violation
      return field === 'user_id'
        ? unauthorized('The account no longer exists.')
        : notFound(field.replace(/^parent_|_id$/g, ''));
    case '23514': // check_violation
      return invalid([{ field, code: 'not_allowed', message: 'has an invalid value' }]);
  }
  if (code.startsWith('22'))
    return invalid([{ field: '', code: 'not_allowed', message: 'has an invalid value' }]);
  const reason = unavailabilityOf(code);
  if (reason === undefined) return error;
  const problem = unavailable(reason);
  problem.cause = error;
  return problem;
}

export const standbyMessage =
  'The database is a read-only standby. DATABASE_URL must name the primary server.';

export const noPreparedStatementsMessage =
  'The connection pooler does not support prepared statements. Use PgBouncer 1.21 or newer with max_prepared_statements.';

/** Why the database cannot serve the request at the moment; undefined for any other error. */
function unavailabilityOf(code: string): string | undefined {
  if (code === '25006') return standbyMessage; // read_only_sql_transaction
  if (code === '26000' || code === '42P05') return noPreparedStatementsMessage; // invalid or duplicate prepared statement
  return isTemporary(code) ? 'The database is busy. Try again.' : undefined;
}

/** @param detail JSON with the name and the value of the quota */
function quotaText(detail = '{}'): string {
  const { name, value } = JSON.parse(detail) as { name: QuotaName; value: number };
  return quotas[name].text(value);
}

/** Timeouts, deadlocks, too many connections, and a server that is shutting down or starting. */
function isTemporary(code: string): boolean {
  return ['57014', '55P03', '53300', '25P03', '40001', '40P01'].includes(code) || /^(08|57P0)/.test(code);
}
