import type { FastifyInstance } from 'fastify';
import { JsonPage, JsonText } from '../core/json-text';

/** Has Fastify send JsonText as it is, and put the URL of the next page into the Link header (RFC 8288). */
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
