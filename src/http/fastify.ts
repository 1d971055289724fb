import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../core/config';
import { Problem } from '../core/problem';
import { problemJson, sendProblem } from './problem.filter';

/** Milliseconds in which a request must have arrived whole. */
const requestTimeout = 10_000;

/** Milliseconds after which a connection is closed on which nothing moves: its client does not read what it asked for. */
const stallTimeout = 45_000;

/** Bytes. */
const [maxBody, maxHeaders] = [64 * 1024, 16 * 1024];

/** Fastify with the limits of every request. What it refuses itself is answered like any other problem. */
export function createAdapter(config: Config): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: maxBody,
    requestTimeout,
    connectionTimeout: stallTimeout,
    trustProxy: config.trustProxy.length ? [...config.trustProxy] : false,
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: maxHeaders, headersTimeout: requestTimeout, connectionsCheckingInterval: 1000 },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, request, reply),
    clientErrorHandler: answerUnreadable,
  });
}

/** For what is not even HTTP: there is no request and no reply yet, only the socket. */
function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const [status, code, detail]: [number, string, string] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'headers_too_large', 'The request headers are larger than 16 KiB.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'timeout', 'The request was not received completely in time. Try again.']
        : [400, 'bad_request', 'The request is not valid HTTP.'];
  const problem = new Problem(status, code, detail);
  const requestId = randomUUID();
  const body = problemJson(problem, requestId, '');
  socket.end(
    `HTTP/1.1 ${status} ${problem.title}\r\nContent-Type: application/problem+json\r\nX-Request-Id: ${requestId}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Fastify would take a query that is no UTF-8 literally. */
export function refuseUnreadableQueries(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const start = request.url.indexOf('?');
    if (start >= 0 && !isReadable(request.url.slice(start))) {
      sendProblem(
        new Problem(400, 'bad_request', 'The query string is invalid. It must be percent-encoded UTF-8.'),
        request,
        reply,
      );
    } else done();
  });
}

function isReadable(query: string): boolean {
  try {
    return decodeURIComponent(query) !== undefined;
  } catch {
    return false;
  }
}

/**
 * What OWASP's REST cheat sheet asks of every answer. Constants, where a library works them out for each request: that
 * took a sixth of the throughput of short lists.
 */
const securityHeaders = {
  'cache-control': 'no-store',
  // Swagger UI styles itself inline; everything else comes from here.
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Names each request, in its answer and in one line of the log. */
export function nameAndLogRequests(fastify: FastifyInstance): void {
  const logger = new Logger('Request');
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.headers(securityHeaders).header('x-request-id', request.id);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method, id: request_id } = request;
    // Without the query, which may hold what users wrote; and nothing that a terminal would take for a command.
    const path = request.url
      .split('?', 1)[0]
      ?.replace(/[^\x20-\x7e]/g, '?')
      .replace(/cairn_[\w-]+/g, 'cairn_***');
    const ms = Math.round(reply.elapsedTime);
    logger.log(`${method} ${path} ${reply.statusCode} ${ms} ms ${request_id}`);
    done();
  });
}

/** Answers 405, with Allow, where the address exists but the method does not. Call before routes are added. */
export function refuseOtherMethods(fastify: FastifyInstance): () => void {
  const methodsOf = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? methodsOf.set(url, new Set()).get(url)!;
    for (const name of [method].flat()) methods.add(name);
  });
  return () => {
    for (const [url, methods] of [...methodsOf]) {
      if (url.includes('*')) continue;
      const allowed = [...methods].sort().join(', ');
      const others = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'].filter(
        (name) => !methods.has(name),
      );
      fastify.route({
        method: others,
        url,
        handler: (request, reply) => {
          const detail = `The method ${request.method} is not allowed here. Allowed methods: ${allowed}.`;
          sendProblem(
            new Problem(405, 'method_not_allowed', detail, undefined, { allow: allowed }),
            request,
            reply,
          );
        },
      });
    }
  };
}
