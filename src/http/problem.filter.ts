import { ArgumentsHost, Catch, ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problems } from '../core/metrics';
import { Problem } from '../core/problem';
import { entityTagOf } from './entity-tags';

/** Sends every error as `application/problem+json`, without internal details. */
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
  problems.inc({ status: problem.status, code: problem.code });
  if (problem.status >= 500) {
    const cause = error instanceof Problem ? error.cause : error;
    // An intended refusal, such as a full queue, has no cause.
    if (cause instanceof Error) logger.error(String(cause), cause.stack);
    else logger.warn(problem.detail);
  }
  if (problem.current) void reply.header('etag', entityTagOf(problem.current));
  // A stream that fails before its first byte has already set its headers.
  for (const name of ['content-disposition', 'content-encoding']) reply.removeHeader(name);
  void reply
    .status(problem.status)
    .headers({ 'x-request-id': request.id, ...problem.headers })
    .type('application/problem+json')
    .send(problemJson(problem, request.id, pathOf(request.url)));
}

export function problemJson(problem: Problem, requestId: string, instance: string): string {
  const { title, status, detail, code, errors, current } = problem;
  const json = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    detail,
    instance,
    code,
    request_id: requestId,
    errors,
  });
  return current ? `${json.slice(0, -1)},"current":${current.text}}` : json;
}

/** Maps any error to the problem that the client gets. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = statusOf(error);
  const frameworkProblem = status === undefined ? undefined : frameworkProblems[status];
  if (status !== undefined && frameworkProblem) return new Problem(status, ...frameworkProblem);
  if (status !== undefined && status >= 400 && status < 500) {
    return new Problem(400, 'bad_request', 'The request is malformed.');
  }
  return internalError();
}

function internalError(): Problem {
  const detail = 'An internal error occurred. Include the request_id when you report it.';
  return new Problem(500, 'internal_error', detail);
}

/** The path without the query, and without the host that some clients send before it. */
function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]*/i, '').split('?', 1)[0] ?? '';
}

/** Errors of Fastify and Nest. */
const frameworkProblems: Record<number, [code: string, detail: string]> = {
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
  // A path parameter that is longer than any id.
  return code === 'FST_ERR_MAX_PARAM_LENGTH' ? 404 : statusCode;
}
