import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Server, type Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../core/config';
import type { Log } from '../core/log';
import { requestDurations } from '../core/metrics';
import { parseAddress } from '../core/network-address';
import { Problem } from '../core/problem';
import { RequestContext, runInRequest } from '../core/request-context';
import type { ShutdownState } from '../core/shutdown-state';
import { isReceivingStream } from './body-stream';
import { defaultBodyLimits } from './json-body';
import { problemJson, sendProblem } from './problem.filter';

/** Milliseconds within which a request must be received completely. */
const requestTimeout = 10_000;

/** Milliseconds after which an idle connection is closed, for example if the client does not read the response. */
const stallTimeout = 45_000;

const maxHeaderBytes = 16 * 1024;

/** Request ids of clients and proxies that are taken over. */
const requestIdPattern = /^[\w.:-]{1,100}$/;

/** https://www.w3.org/TR/trace-context/#traceparent-header */
const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Characters of a path in the log and in traces. */
const maxLoggedPath = 300;

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined if Fastify itself refused the request. */
    context?: RequestContext;
  }
}

/** Fastify with limits for every request. Its own errors are sent as problems too. */
export function createAdapter(config: Config): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: defaultBodyLimits.bytes,
    requestTimeout,
    connectionTimeout: stallTimeout,
    trustProxy: config.trustProxy.length ? [...config.trustProxy] : false,
    genReqId: ({ headers }: IncomingMessage) => validRequestId(headers['x-request-id']) ?? randomUUID(),
    forceCloseConnections: 'idle',
    return503OnClosing: false, // requests that arrive while the server closes are handled
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: requestTimeout,
      connectionsCheckingInterval: 1000,
    },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, request, reply),
    clientErrorHandler: sendClientError,
  });
}

function validRequestId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && requestIdPattern.test(header) ? header : undefined;
}

/** Responds to invalid HTTP, for which Fastify has no request and no reply, only a socket. */
function sendClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isReceivingStream(socket)) return;
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

/** Creates the context of each request. The guard adds the current user. */
export function openRequestContext(fastify: FastifyInstance): void {
  const closeListeners = new WeakMap<Socket, Set<() => void>>();
  fastify.server.on('connection', (socket: Socket) => {
    const listeners = new Set<() => void>();
    closeListeners.set(socket, listeners);
    socket.once('close', () => listeners.forEach((listener) => listener()));
  });
  fastify.decorateRequest('context', undefined);
  fastify.addHook('onRequest', (request, reply, done) => {
    const { socket } = request;
    const appendHeader = (name: string, value: string) => {
      const previous = reply.getHeader(name);
      void reply.header(name, previous === undefined ? value : `${String(previous)}, ${value}`);
    };
    const onClose = (listener: () => void) => {
      // A response that waits for earlier ones on its connection emits no event when the connection closes.
      const listeners = closeListeners.get(socket);
      const remove = () => {
        reply.raw.off('close', onEnd);
        listeners?.delete(onEnd);
      };
      const onEnd = () => {
        remove();
        listener();
      };
      if (reply.raw.destroyed || socket.destroyed) listener();
      else {
        reply.raw.once('close', onEnd);
        listeners?.add(onEnd);
      }
      return remove;
    };
    const address = parseAddress(request.ip);
    const traceId =
      request.span?.spanContext().traceId ??
      traceparentPattern.exec(String(request.headers.traceparent))?.[1];
    request.context = { id: request.id, traceId, address, appendHeader, onClose };
    runInRequest(request.context, done);
  });
}

/** Fastify would accept a query that is not valid UTF-8, and not decode it. */
export function refuseInvalidQueries(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const start = request.url.indexOf('?');
    if (start >= 0 && !isDecodable(request.url.slice(start))) {
      sendProblem(
        new Problem(400, 'bad_request', 'The query string is invalid. It must be percent-encoded UTF-8.'),
        request,
        reply,
      );
    } else done();
  });
}

function isDecodable(query: string): boolean {
  try {
    return decodeURIComponent(query) !== undefined;
  } catch {
    return false;
  }
}

/**
 * The headers that OWASP's REST cheat sheet recommends for every response. They are constants, because a library that
 * computes them for each request reduced the throughput of short lists by a sixth.
 */
const securityHeaders = {
  'cache-control': 'no-store',
  // Swagger UI uses inline styles. All other resources have the same origin.
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Adds security headers and the ids of the request to each response. */
export function addHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.headers(securityHeaders).header('x-request-id', request.id);
    // With traces, the response has the span of the request.
    if (request.context?.traceId && !request.span)
      void reply.header('traceparent', request.headers.traceparent);
    done();
  });
}

/** Counts each request, and logs it in one line, without the query, which may contain user data. */
export function logRequests(fastify: FastifyInstance, log: Log, slowRequestMs: number): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method, id, context } = request;
    const ms = Math.round(reply.elapsedTime);
    const status = reply.statusCode;
    const route = request.routeOptions.url;
    requestDurations.observe({ method, route: route ?? 'none', status }, reply.elapsedTime / 1000);
    const isSlow = ms >= slowRequestMs;
    log.request(isSlow, {
      context: 'Request',
      msg: `${method} ${pathToLog(request.url)} ${status}`,
      method,
      route,
      status,
      duration_ms: ms,
      is_slow: isSlow || undefined,
      // The client closed the connection before it received the response.
      is_aborted: !reply.raw.writableFinished || undefined,
      request_id: id,
      trace_id: context?.traceId,
      user_id: context?.user?.userId,
      address: context?.address,
    });
    done();
  });
}

/** The path without the query, control characters and tokens. */
export function pathToLog(url: string): string {
  const end = url.indexOf('?');
  return url
    .slice(0, Math.min(end < 0 ? url.length : end, maxLoggedPath))
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/cairn_[\w-]+/g, 'cairn_***');
}

/**
 * While the server stops, tells clients with each response to close the connection. When it closes, it does not wait for
 * connections on which no request is being handled.
 */
export function closeConnectionsAtShutdown(fastify: FastifyInstance, shutdown: ShutdownState): void {
  const connections = new Set<Socket>();
  fastify.server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    if (shutdown.isStopping) void reply.header('connection', 'close');
    done(null, payload);
  });
  // A response may have been started before the server began to stop.
  fastify.addHook('onResponse', ({ raw }, _reply, done) => {
    if (shutdown.isStopping) raw.socket.end();
    done();
  });
  // Node closes connections that have become idle, but waits for a first request on new ones.
  fastify.addHook('preClose', (done) => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    done();
  });
}

/**
 * Closes the port, and no connection: an HTTP server would close those without a request, on which a client may be sending
 * one. Resolves when all connections are closed.
 */
export function closePort(server: Server): Promise<void> {
  return new Promise((resolve) => Server.prototype.close.call(server, () => resolve()));
}

/**
 * Responds to OPTIONS with Allow, and to other methods that a URL does not have with 405 and Allow. Call it before routes
 * are added.
 * @returns a function that adds routes for these methods; call it after all routes are added
 */
export function refuseOtherMethods(fastify: FastifyInstance): () => void {
  const methodsOf = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? methodsOf.set(url, new Set()).get(url)!;
    for (const name of [method].flat()) methods.add(name);
  });
  return () => {
    for (const [url, methods] of [...methodsOf]) {
      if (url.includes('*')) continue;
      const allowed = [...methods, 'OPTIONS'].sort().join(', ');
      fastify.options(url, (_request, reply) => reply.status(204).header('allow', allowed).send());
      const others = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'].filter(
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
