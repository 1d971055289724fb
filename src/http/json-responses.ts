import type { FastifyInstance } from 'fastify';
import { JsonPage, JsonText } from '../core/json-text';
import { unavailable } from '../core/problem';
import { currentUserIfAny, onRequestClose } from '../core/request-context';

/** Characters. Shorter responses fit into the buffers of a connection. */
const largeResponseLength = 64 * 1024;

/**
 * Milliseconds within which a client must have received a large response: 1.5 MB need 13 KB/s. A client that reads a few
 * bytes now and then would keep it in memory forever.
 */
const maxSendingTime = 120_000;

/** The parameter for the id of a row, at the end of a path. */
const rowPattern = /\/:\w+$/;

/** Sends JsonText unchanged, and adds the URL of the next page as Link header (RFC 8288). */
export function sendJsonText(fastify: FastifyInstance): void {
  fastify.setReplySerializer((payload) =>
    payload instanceof JsonText ? payload.text : JSON.stringify(payload),
  );
  fastify.addHook('preSerialization', (request, reply, payload, done) => {
    if (payload instanceof JsonPage && payload.nextCursor) {
      const { pathname, searchParams } = new URL(request.url, 'http://cairn');
      searchParams.set('cursor', payload.nextCursor);
      void reply.header('link', `<${pathname}?${searchParams.toString()}>; rel="next"`);
    }
    done(null, payload);
  });
}

/** Adds the URL of a created resource as Location, if a route returns it. Call it before routes are added. */
export function sendLocations(fastify: FastifyInstance): void {
  const collections = new Set<string>();
  fastify.addHook('onRoute', ({ method, url }) => {
    if ([method].flat().includes('GET') && rowPattern.test(url)) collections.add(url.replace(rowPattern, ''));
  });
  fastify.addHook('preSerialization', ({ url, routeOptions }, reply, payload, done) => {
    if (reply.statusCode === 201 && payload instanceof JsonText && collections.has(routeOptions.url ?? '')) {
      const [, id] = /^\{"id":"([\w-]+)"/.exec(payload.text) ?? [];
      const { pathname } = new URL(url, 'http://cairn');
      if (id !== undefined) void reply.header('location', `${pathname}/${id}`);
    }
    done(null, payload);
  });
}

/**
 * Bounds the memory of large responses that clients have not received yet.
 * @param hold counts a response of a user; returns a function to call when it has been sent, or undefined to refuse it
 * @param sendingTime milliseconds after which the connection of a client that has not received it is closed
 */
export function boundUnsentResponses(
  fastify: FastifyInstance,
  hold: (userId: string, length: number) => (() => void) | undefined,
  sendingTime = maxSendingTime,
): void {
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    const user = currentUserIfAny();
    const isLarge = typeof payload === 'string' && payload.length > largeResponseLength;
    if (!user || !isLarge) return done(null, payload);
    const release = hold(user.userId, payload.length);
    if (!release) {
      reply.removeHeader('link');
      return done(unavailable('Too many large responses are being sent. Try again.'));
    }
    const timer = setTimeout(() => reply.raw.destroy(), sendingTime);
    onRequestClose(() => {
      clearTimeout(timer);
      release();
    });
    done(null, payload);
  });
}
