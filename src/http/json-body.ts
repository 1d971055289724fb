import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalid, Problem } from '../core/problem';
import { checkJsonKeys } from './json-keys';

/** The maximum size of a body. */
interface BodyLimits {
  bytes: number;
  keys: number;
  values: number;
  /** Nested levels. */
  depth: number;
}

/** The limits of an ordinary body. Fastify itself enforces the number of bytes. */
export const defaultBodyLimits: BodyLimits = { bytes: 64 * 1024, keys: 1000, values: 5000, depth: 32 };

/** The limits of a body that contains many others, such as a batch. */
const largeBodyLimits: BodyLimits = { bytes: 1024 * 1024, keys: 5000, values: 10_000, depth: 32 };

/** The route accepts a body of up to 1 MiB with 5,000 keys and 10,000 values. */
export function LargeBody(): MethodDecorator {
  return RouteConfig({ bodyLimits: largeBodyLimits });
}

/** The route reads its body itself, as a stream of bytes with `readBody`. It limits the size. */
export function StreamedBody(): MethodDecorator {
  return RouteConfig({
    bodyLimits: { ...defaultBodyLimits, bytes: Number.MAX_SAFE_INTEGER },
    isStreamed: true,
  });
}

interface RouteBody {
  bodyLimits?: BodyLimits;
  isStreamed?: true;
}

export function isStreamed({ routeOptions }: FastifyRequest): boolean {
  return (routeOptions.config as RouteBody).isStreamed === true;
}

const jsonType = /^application\/(merge-patch\+)?json\s*(;\s*charset="?utf-8"?\s*)?$/i;

/** Accepts only JSON objects in UTF-8 as bodies. An empty body counts as none. */
export function acceptJsonBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  // Some clients, such as axios, send the type of a form with a request that has no body.
  fastify.addHook('onRequest', ({ headers }, _reply, done) => {
    if (headers['content-length'] === '0') delete headers['content-type'];
    done();
  });
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit = bodyLimitsOf(route.config).bytes;
  });
  // Parsing 1 MiB takes 5 ms. Large bodies that arrive together are parsed in turns with other requests.
  let turn: Promise<void> = Promise.resolve();
  const parse = async (request: FastifyRequest, body: Buffer) => {
    refuseEncodings(request.headers);
    if (body.length > defaultBodyLimits.bytes) await (turn = turn.then(() => setImmediate()));
    return parseJsonBody(body, bodyLimitsOf(request.routeOptions.config));
  };
  fastify.addContentTypeParser(jsonType, { parseAs: 'buffer' }, parse);
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    if (!isStreamed(request)) return done(null, payload);
    // The parser sees an empty body. Fastify compares its length with the header.
    const length = Number(request.headers['content-length'] ?? 0);
    done(null, Object.assign(Readable.from([]), { receivedEncodedLength: length }));
  });
}

function bodyLimitsOf(config: object | undefined): BodyLimits {
  return (config as RouteBody | undefined)?.bodyLimits ?? defaultBodyLimits;
}

/** Fastify ignores charsets and encodings that it does not know. */
function refuseEncodings(headers: IncomingHttpHeaders): void {
  const charset = /charset\s*=\s*"?([^\s";]*)/i.exec(headers['content-type'] ?? '')?.[1];
  const encoding = headers['content-encoding'];
  if ((charset && !/^utf-?8$/i.test(charset)) || (encoding && encoding !== 'identity')) {
    throw new Problem(
      415,
      'unsupported_media_type',
      'The request body must be uncompressed UTF-8 JSON with the content type application/json.',
    );
  }
}

/**
 * @returns undefined for an empty body
 * @throws Problem 400 for a body that is not UTF-8 or not JSON · Problem 422 for JSON that is not an
 * object, and from `checkJsonKeys`
 */
export function parseJsonBody(body: Buffer, max: Omit<BodyLimits, 'bytes'>): object | undefined {
  if (body.length === 0) return undefined;
  const value = parse(decode(body), max);
  if (typeof value !== 'object' || value === null) throw notAnObject();
  return value;
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Problem(400, 'malformed_body', 'The request body is not valid UTF-8.');
  }
}

function parse(text: string, max: Omit<BodyLimits, 'bytes'>): unknown {
  const trimmed = text.trim();
  // An array is refused in any case, so it is not parsed.
  if (trimmed.startsWith('[')) throw trimmed.endsWith(']') ? notAnObject() : notJson();
  try {
    checkJsonKeys(text, max);
    return JSON.parse(text);
  } catch (error) {
    throw error instanceof Problem ? error : notJson();
  }
}

function notAnObject(): Problem {
  return invalid([{ field: '', code: 'type', message: 'The request body must be a JSON object.' }]);
}

function notJson(): Problem {
  return new Problem(400, 'malformed_body', 'The request body is not valid JSON.');
}
