import type { FastifyInstance } from 'fastify';

/** JSON that PostgreSQL wrote, to be sent as it is: nothing parses it and writes it again. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** One page of a list: `{"items": […], "next_cursor": …}`, and `total` where it was asked for. */
export class JsonPage extends JsonText {
  constructor(
    readonly items: string[],
    readonly next_cursor: string | null,
    total?: number,
  ) {
    const more = total === undefined ? '' : `,"total":${total}`;
    super(`{"items":[${items.join(',')}],"next_cursor":${JSON.stringify(next_cursor)}${more}}`);
  }
}

/** Teaches Fastify to send JsonText, and to name the next page in a Link header (RFC 8288). */
export function sendJsonText(fastify: FastifyInstance): void {
  fastify.setReplySerializer((payload) =>
    payload instanceof JsonText ? payload.text : JSON.stringify(payload),
  );
  fastify.addHook('preSerialization', (request, reply, payload, done) => {
    if (payload instanceof JsonPage && payload.next_cursor) {
      const { pathname, searchParams: parameters } = new URL(request.url, 'http://cairn');
      parameters.set('cursor', payload.next_cursor);
      void reply.header('link', `<${pathname}?${parameters.toString()}>; rel="next"`);
    }
    done(null, payload);
  });
}
