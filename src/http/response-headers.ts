/** The headers of responses, as the OpenAPI document describes them. */

export const nextPageHeader = {
  Link: {
    description: 'URL of the next page, if there is one: `<...>; rel="next"`.',
    schema: { type: 'string', maxLength: 16_384 },
  },
} as const;

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ */
export const rateLimitHeaders = {
  RateLimit: {
    description:
      'Remaining quota of each rate limit and the seconds until it resets: `"user";r=2999;t=60`. Absent if rate limits are off.',
    schema: { type: 'string', maxLength: 16_384 },
  },
  'RateLimit-Policy': {
    description:
      'Quota of each rate limit and its window in seconds: `"user";q=3000;w=60`. Absent if rate limits are off.',
    schema: { type: 'string', maxLength: 16_384 },
  },
} as const;

export const retryAfterHeader = {
  'Retry-After': {
    description: 'Number of seconds to wait before the next attempt.',
    schema: { type: 'integer', minimum: 1, maximum: 86_400 },
  },
} as const;

export const entityTagHeader = {
  ETag: {
    description:
      'Strong entity tag of the resource or list: its version, if it has one, and a hash of the response. For `If-Match` and `If-None-Match`.',
    schema: { type: 'string', maxLength: 100 },
  },
} as const;

export const replayedHeader = {
  'Idempotency-Replayed': {
    description:
      '`true` if this is the stored response to an earlier request with the same `Idempotency-Key`.',
    schema: { type: 'string', maxLength: 4 },
  },
} as const;

export const locationHeader = {
  Location: { description: 'Path of the created resource.', schema: { type: 'string', maxLength: 16_384 } },
} as const;
