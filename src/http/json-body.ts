import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { invalid, Problem } from '../core/problem';

/** What a body may hold, besides its size in bytes. */
const [maxDepth, maxKeys] = [32, 1000];

/** Of a batch, which holds many bodies. */
const [maxBatchBody, maxBatchKeys] = [1024 * 1024, 10_000];

const isBatch = (url: string | undefined) => url?.endsWith('/batch') ?? false;

/** Names that JavaScript gives a meaning of its own: class-transformer would drop them, silently. */
export function isForbiddenKey(name: string): boolean {
  return name in Object.prototype || name === 'prototype';
}

const jsonType = /^application\/(merge-patch\+)?json\s*(;\s*charset="?utf-8"?\s*)?$/i;

/** Accepts one kind of body: a JSON object in UTF-8. An empty body counts as none. */
export function acceptJsonBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addHook('onRoute', (route) => {
    if (isBatch(route.url)) route.bodyLimit = maxBatchBody;
  });
  fastify.addContentTypeParser(jsonType, { parseAs: 'buffer' }, ({ headers, routeOptions }, body, done) => {
    try {
      refuseEncodings(headers);
      done(null, parseJsonBody(body as Buffer, isBatch(routeOptions.url) ? maxBatchKeys : maxKeys));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** What Fastify does not understand of the content type, it leaves out: the header itself must say nothing else. */
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
 * @throws Problem 400 for what is not UTF-8 or not JSON · Problem 422 for what is no object, is nested too deeply, has
 * too many keys, or names one twice
 */
export function parseJsonBody(body: Buffer, keyLimit = maxKeys): object | undefined {
  if (body.length === 0) return undefined;
  const text = decode(body);
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid([{ field: '', code: 'type', message: 'The request body must be a JSON object.' }]);
  }
  refuseOddKeys(text, keyLimit);
  return value;
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Problem(400, 'malformed_body', 'The request body is not valid UTF-8.');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(400, 'malformed_body', 'The request body is not valid JSON.');
  }
}

/** Walks over JSON that is known to be valid: JSON.parse itself would keep the last of two equal keys, silently. */
function refuseOddKeys(text: string, keyLimit: number): void {
  const open: (Set<string> | undefined)[] = []; // the keys of each object, undefined for an array
  let keyCount = 0;
  let before = '';
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g)) {
    const keys = open.at(-1);
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > maxDepth)
        throw oddKey('', 'too_deep', `The request body is nested more than ${maxDepth} levels deep.`);
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (keys && token.startsWith('"') && (before === '{' || before === ',')) {
      const key = JSON.parse(token) as string;
      if (keys.has(key)) throw oddKey(key, 'duplicate_key', 'appears more than once');
      if (isForbiddenKey(key)) throw oddKey(key, 'unknown_field', 'is not allowed as a field name');
      if (++keyCount > keyLimit)
        throw oddKey('', 'too_many_keys', `The request body has more than ${keyLimit} keys.`);
      keys.add(key);
    }
    before = token;
  }
}

function oddKey(field: string, code: string, message: string): Problem {
  return invalid([{ field, code, message }]);
}
