import type { FastifyInstance } from 'fastify';
import { JsonPage, JsonText } from '../core/json-text';

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
