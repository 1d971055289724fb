import { request } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fastify, { FastifyInstance } from 'fastify';
import { compressResponses, textCompressor } from './compression';
import { openRequestContext } from './fastify';
import { sendProblem } from './problem.filter';

const text = JSON.stringify({
  items: Array.from({ length: 200 }, (_, number) => ({ number, name: 'A name' })),
});
const document = Buffer.from(text);

let server: FastifyInstance;
let url: string;
beforeAll(async () => {
  server = fastify();
  server.setErrorHandler(sendProblem);
  openRequestContext(server);
  compressResponses(server);
  const json = 'application/json; charset=utf-8';
  server.get('/text', (_request, reply) =>
    reply.type(json).header('etag', '"3-abcdefghijklmnop"').send(text),
  );
  server.get('/document', (_request, reply) => reply.type('application/json').send(document));
  server.get('/short', (_request, reply) => reply.type(json).send('x'.repeat(4095)));
  server.get('/stream', (_request, reply) => reply.type(json).send(Readable.from([text, text])));
  server.get('/failing', (_request, reply) =>
    reply.type(json).header('content-disposition', 'attachment').send(Readable.from(failing())),
  );
  server.get('/file', (_request, reply) =>
    reply
      .type('text/css')
      .header('content-length', text.length)
      .send(Readable.from([text])),
  );
  server.get('/encoded', (_request, reply) => reply.type(json).header('content-encoding', 'x').send(text));
  server.get('/events', (_request, reply) => reply.type('text/event-stream').send(text));
  server.get('/image', (_request, reply) => reply.type('image/png').send(document));
  server.get('/problem', (_request, reply) =>
    reply.status(412).type('application/problem+json').header('etag', '"4"').send(text),
  );
  server.get('/api/v1/auth/tokens', (_request, reply) => reply.type(json).send(text));
  url = await server.listen({ port: 0 });
});
afterAll(() => server.close());

async function* failing(): AsyncGenerator<string> {
  yield await Promise.resolve(text);
  throw new Error('The stream failed.');
}

/** Sends one request with nothing but this header, and does not decode the response. */
async function get(path: string, acceptEncoding?: string, method = 'GET') {
  const headers = acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding };
  return new Promise<{ headers: Record<string, unknown>; status?: number; body: Buffer }>(
    (resolve, reject) => {
      request(url + path, { method, headers, agent: false }, (response) => {
        buffer(response).then(
          (body) => resolve({ headers: response.headers, status: response.statusCode, body }),
          reject,
        );
      })
        .on('error', reject)
        .end();
    },
  );
}

const decoders = { br: brotliDecompressSync, gzip: gunzipSync };

it('compresses long texts, documents and streams, as the client asks for, with another entity tag', async () => {
  for (const coding of ['br', 'gzip'] as const) {
    for (const path of ['/text', '/document', '/document', '/stream']) {
      const { headers, body } = await get(path, coding);
      const about = [path, headers['content-encoding'], headers.vary];
      expect(about).toEqual([path, coding, 'Accept-Encoding']);
      expect(decoders[coding](body).toString()).toBe(path === '/stream' ? text + text : text);
      expect(body.length).toBeLessThan(text.length / 4);
      if (path === '/text') expect(headers.etag).toBe(`"3-abcdefghijklmnop+${coding}"`);
      if (path !== '/stream') expect(headers['content-length']).toBe(String(body.length));
      const head = await get(path, coding, 'HEAD');
      expect(head.body).toHaveLength(0);
      for (const name of ['content-type', 'content-length', 'content-encoding', 'etag', 'vary'])
        expect([path, name, head.headers[name]]).toEqual([path, name, headers[name]]);
    }
  }
  for (const path of ['/text', '/document', '/stream']) {
    const { headers, body } = await get(path);
    expect([headers['content-encoding'], headers.vary]).toEqual([undefined, 'Accept-Encoding']);
    expect(body.toString()).toContain(text);
    if (path === '/text') expect(headers.etag).toBe('"3-abcdefghijklmnop"');
  }
});

it('leaves alone what is short, secret, encoded, a file, a problem, events or of another type', async () => {
  for (const [path, coding] of [
    ['/short'],
    ['/api/v1/auth/tokens'],
    ['/api/v1/%61uth/tokens'],
    ['/encoded', 'x'],
    ['/file'],
    ['/problem'],
    ['/events'],
    ['/image'],
  ] as const) {
    const { headers, body } = await get(path, 'br, gzip');
    expect([path, headers['content-encoding'], headers.vary]).toEqual([path, coding, undefined]);
    expect(body.length).toBeGreaterThanOrEqual(4095);
  }
});

it('compresses a limited number of characters at the same time, and no further responses', async () => {
  const compress = textCompressor();
  const lengthOf = (payload: string) =>
    new Promise((resolve) => compress(payload, 'gzip', (_error, compressed) => resolve(compressed?.length)));
  const long = 'x'.repeat(1_400_000);
  const whileFirst = await Promise.all([long, text, long, text].map(lengthOf));
  expect(whileFirst).toEqual([expect.any(Number), expect.any(Number), undefined, expect.any(Number)]);
  expect(await lengthOf('x'.repeat(2_000_000))).toEqual(expect.any(Number));
});

it('sends a problem without a coding when a stream fails before its first compressed byte', async () => {
  const logged = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const { headers, status, body } = await get('/failing', 'br');
  logged.mockRestore();
  expect([status, headers['content-encoding'], headers['content-disposition']]).toEqual([
    500,
    undefined,
    undefined,
  ]);
  expect(JSON.parse(body.toString())).toMatchObject({ code: 'internal_error' });
});
