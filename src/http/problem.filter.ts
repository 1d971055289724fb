import { ArgumentsHost, Catch, ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DatabaseError } from 'pg';
import { forbidden, invalid, notFound, Problem, unauthorized, unavailable } from '../core/problem';

/** Answers every error as `application/problem+json`, and shows nothing of the inside. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

const logger = new Logger('Problem');

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = asProblem(error);
  if (problem.status >= 500) {
    const cause = error instanceof Problem ? error.cause : error;
    // A refusal that is meant, such as a full queue, has no cause.
    if (cause instanceof Error) logger.error(`${request.id} ${String(cause)}`, cause.stack);
    else logger.warn(`${request.id} ${problem.detail}`);
  }
  void reply
    .status(problem.status)
    .headers({ 'x-request-id': request.id, ...problem.headers })
    .type('application/problem+json')
    .send(problemJson(problem, request.id, pathOf(request.url)));
}

export function problemJson(problem: Problem, requestId: string, instance: string): string {
  const { title, status, detail, code, errors } = problem;
  return JSON.stringify({
    type: 'about:blank',
    title,
    status,
    detail,
    instance,
    code,
    request_id: requestId,
    errors,
  });
}

/** What a client is told of an error, whatever it is. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseError) return databaseProblem(error);
  const status = statusOf(error);
  const known = status === undefined ? undefined : refusals[status];
  if (status !== undefined && known) return new Problem(status, ...known);
  if (status !== undefined && status >= 400 && status < 500) {
    return new Problem(400, 'bad_request', 'The request is malformed.');
  }
  return internalError();
}

function internalError(): Problem {
  const detail = 'An internal error occurred. Include the request_id when you report it.';
  return new Problem(500, 'internal_error', detail);
}

/** Without the query, and without a host that the client put before it. */
function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]*/i, '').split('?', 1)[0] ?? '';
}

/** What Fastify and Nest refuse themselves. */
const refusals: Record<number, [code: string, detail: string]> = {
  404: ['not_found', 'This URL does not exist.'],
  408: ['timeout', 'The request was not received completely in time. Try again.'],
  413: ['too_large', 'The request body is larger than 64 KiB, or 1 MiB for a batch.'],
  415: [
    'unsupported_media_type',
    'The request body must be UTF-8 JSON with the content type application/json.',
  ],
  431: ['headers_too_large', 'The request headers are larger than 16 KiB.'],
};

function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  const { statusCode, code } = (error ?? {}) as { statusCode?: number; code?: string };
  // An id that is longer than any id names nothing.
  return code === 'FST_ERR_MAX_PARAM_LENGTH' ? 404 : statusCode;
}

/** Unique indexes, and what is said where they refuse. */
const taken: Record<string, [code: string, detail: string]> = {
  users_email_key: ['email_taken', 'Another account uses this email address.'],
  users_username_key: ['username_taken', 'Another account uses this username.'],
  time_entries_running_key: ['timer_running', 'A timer is already running. Stop it first.'],
};

/** What contradicts rows that are stored, by the hint of the database. */
const conflicts: Record<string, string> = {
  cycle: 'A task or goal cannot be its own ancestor. Choose another parent.',
  too_deep: 'The tasks would be nested too deeply. A task can have at most 10 ancestors.',
  parent_trashed: 'The parent task is in the trash. Restore it first.',
  dependency_cycle: 'A task cannot depend on itself, neither directly nor through other tasks.',
  hours_counted: 'The task has time entries, so actual_hours is their sum. Change the time entries instead.',
  dependency_open: 'The task depends on an open task. Complete that task first, or use force=true.',
};

/** What the database refuses to whoever has entered, by its hint. */
const refusedTo: Record<string, string> = {
  forbidden: 'Only superusers can manage the accounts of other users.',
  email_not_verified:
    'The email address is not verified. Request a verification email with POST /auth/email/verification.',
};

/** Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html; those that begin with ZC are Cairn's own. */
function databaseProblem(error: DatabaseError): Problem {
  const { code = '', constraint = '', table = '' } = error;
  const field = constraint.replace(`${table}_`, '').replace(/_(fkey|check|key)$/, '');
  if (code === 'ZC401')
    return unauthorized('The session or token has expired or was revoked. Sign in again.');
  if (code === 'ZC403')
    return forbidden(
      error.hint ?? 'forbidden',
      refusedTo[error.hint ?? ''] ?? 'You do not have permission for this operation.',
    );
  if (code === 'ZC404') return notFound(error.hint ?? 'row');
  if (code === 'ZC409')
    return new Problem(409, error.hint ?? 'cycle', conflicts[error.hint ?? 'cycle'] ?? '');
  if (code === '23505' && taken[constraint]) return new Problem(409, ...taken[constraint]);
  if (code === '23503' && field === 'user_id') return unauthorized('The account no longer exists.');
  if (code === '23503') return notFound(field.replace(/^parent_|_id$/g, ''));
  if (code === '23514' || code.startsWith('22')) {
    return invalid([
      { field: code === '23514' ? field : '', code: 'not_allowed', message: 'has an invalid value' },
    ]);
  }
  if (isPassing(code)) {
    const problem = unavailable('The database is busy. Try again.');
    problem.cause = error;
    return problem;
  }
  return internalError();
}

/** Timeouts, deadlocks, too many connections, a server that goes down or comes up. */
function isPassing(code: string): boolean {
  return ['57014', '55P03', '53300', '25P03', '40001', '40P01'].includes(code) || /^(08|57P0)/.test(code);
}
