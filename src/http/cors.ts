import cors, { FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Response headers that scripts of other origins may read, in addition to those that the fetch standard allows. */
const exposedHeaders = [
  ...['Allow', 'Content-Disposition', 'Deprecation', 'ETag', 'Idempotency-Replayed', 'Link', 'Location'],
  ...[
    'RateLimit',
    'RateLimit-Policy',
    'Retry-After',
    'Sunset',
    'traceparent',
    'WWW-Authenticate',
    'X-Request-Id',
  ],
];

/**
 * Allows pages of other origins to call the API. Tokens are sent in a header, which a page must set itself, so cookies and
 * other credentials of the browser are never allowed.
 * @param origins `*` allows all
 */
export function allowOrigins(fastify: FastifyInstance, origins: readonly string[]): void {
  const options: FastifyCorsOptions = {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders,
    maxAge: 3600,
  };
  const withoutPreflight = { ...options, preflight: false };
  void fastify.register(cors, {
    // Other OPTIONS requests get the same response as without CORS.
    delegator: (request: FastifyRequest, done: (error: null, options: FastifyCorsOptions) => void) =>
      done(null, isPreflight(request) ? options : withoutPreflight),
  });
}

function isPreflight({ headers }: FastifyRequest): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
