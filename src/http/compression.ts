import { pipeline, Readable } from 'node:stream';
import {
  brotliCompress,
  BrotliOptions,
  CompressCallback,
  constants,
  createBrotliCompress,
  createGzip,
  gzip,
  ZlibOptions,
} from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptedCoding, Coding } from './accept';
import { tagWithCoding } from './entity-tags';

/** Bytes or characters. Compressing less saves no packets. */
const minLength = 4096;

/** Characters that are compressed at the same time. Further responses are sent uncompressed instead of waiting. */
const maxLength = 1_500_000;

const typePattern = /^(?:application\/(?:json|javascript)|text\/(?!event-stream))/;

/** Responses to these contain tokens, whose characters the length of a compressed response could reveal. */
const secretPath = '/api/v1/auth/';

const gzipOptions: ZlibOptions = { level: 4 };

const brotliOptions: BrotliOptions = {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 4,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_LGWIN]: 18, // 256 KiB of memory for the window instead of 4 MiB
  },
};

const coders = {
  gzip: {
    compress: (payload: string | Buffer, done: CompressCallback) => gzip(payload, gzipOptions, done),
    stream: () => createGzip(gzipOptions),
  },
  br: {
    compress: (payload: string | Buffer, done: CompressCallback) =>
      brotliCompress(payload, brotliOptions, done),
    stream: () => createBrotliCompress(brotliOptions),
  },
};

/**
 * Compresses long responses for clients that accept it, in Node's thread pool. Call it after `boundUnsentResponses`, which
 * counts the uncompressed length.
 */
export function compressResponses(fastify: FastifyInstance): void {
  const compressText = textCompressor();
  fastify.addHook<unknown>('onSend', (request, reply, payload, done) => {
    const isNotModified = reply.statusCode === 304;
    const isLong = payload instanceof Readable || (isText(payload) && payload.length >= minLength);
    if (!isNotModified && !(isLong && isCompressible(request, reply))) return done(null, payload);
    request.context?.appendHeader('vary', 'Accept-Encoding');
    const coding = acceptedCoding(request.headers['accept-encoding']);
    if (isNotModified || !coding) return done(null, payload);

    const send = (compressed: unknown) => {
      const tag = reply.getHeader('etag');
      if (typeof tag === 'string') void reply.header('etag', tagWithCoding(tag, coding));
      void reply.header('content-encoding', coding);
      done(null, compressed);
    };
    if (isText(payload)) {
      compressText(payload, coding, (error, compressed) => {
        if (error) done(error);
        else if (compressed) send(compressed);
        else done(null, payload);
      });
    } else if (request.method === 'HEAD') send(payload);
    // Destroys both streams when one of them fails or is closed.
    else send(pipeline(payload as Readable, coders[coding].stream(), () => undefined));
  });
}

function isText(payload: unknown): payload is string | Buffer {
  return typeof payload === 'string' || Buffer.isBuffer(payload);
}

/** Whether the response to this request can have a coding. Files, which have a known length, are sent as they are. */
function isCompressible({ routeOptions }: FastifyRequest, reply: FastifyReply): boolean {
  return (
    reply.statusCode < 300 &&
    typePattern.test(String(reply.getHeader('content-type'))) &&
    !routeOptions.url?.startsWith(secretPath) &&
    !reply.hasHeader('content-encoding') &&
    !reply.hasHeader('content-length')
  );
}

/** @returns a function that compresses a response; without a result if too much is being compressed */
export function textCompressor() {
  let compressing = 0;
  // Buffers are documents that many responses share. Each is compressed once.
  const documents = { br: new WeakMap<Buffer, Buffer>(), gzip: new WeakMap<Buffer, Buffer>() };
  return (
    payload: string | Buffer,
    coding: Coding,
    done: (error: Error | null, compressed?: Buffer) => void,
  ): void => {
    const document = typeof payload === 'string' ? undefined : payload;
    const known = document && documents[coding].get(document);
    if (known) return done(null, known);
    if (compressing > 0 && compressing + payload.length > maxLength) return done(null);
    compressing += payload.length;
    coders[coding].compress(payload, (error, compressed) => {
      compressing -= payload.length;
      if (document && !error) documents[coding].set(document, compressed);
      done(error, compressed);
    });
  };
}
