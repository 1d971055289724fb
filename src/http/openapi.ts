import { INestApplication } from '@nestjs/common';
import { DocumentBuilder, OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Schema = Record<string, unknown> & {
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
};

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Describes the API at /openapi.json, and lets people try it at /docs. */
export function serveOpenApi(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Cairn',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, docExpansion: 'list' },
  });
}

/** The OpenAPI document: what the controllers declare, and what is true of every route. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const settings = new DocumentBuilder()
    .setTitle('Cairn')
    .setDescription(
      'API for managing tasks and goals, with a separate account for each user. To try it: create an account, ' +
        'sign in, and enter the `access_token` under "Authorize". ' +
        'Timestamps are RFC 3339 in UTC. Errors are problem details (RFC 9457, `application/problem+json`).',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }, 'bearer')
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, settings, {
    operationIdFactory: (_controller, method) => method,
  });
  const schemas = (document.components!.schemas ??= {}) as Record<string, Schema>;
  for (const [name, schema] of Object.entries(schemas)) close(name, schema);
  schemas.Problem = problemSchema;
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of methods) {
      const operation = item[method];
      if (operation) complete(path, method, operation);
    }
  }
  return document;
}

/** Nothing but what is named, neither in what is sent nor in what is answered; and where absent keeps, no defaults. */
function close(name: string, schema: Schema): void {
  if (!schema.properties) return;
  schema.additionalProperties ??= false;
  if (name.startsWith('Patch'))
    for (const property of Object.values(schema.properties)) delete property.default;
}

function complete(path: string, method: string, operation: Operation): void {
  operation.operationId =
    method +
    path
      .replace(/^\/api\/v1/, '')
      .replace(/[{}]/g, '')
      .replace(/[/.]/g, '_');
  // An empty requirement means that no token is wanted.
  const isPublic = operation.security?.some((requirement) => Object.keys(requirement).length === 0) ?? false;
  if (isPublic) operation.security = [];
  if (/\/users\/\{user_id\}\/(tasks|goals)/.test(path)) operation.tags = [`${operation.tags?.[0]} of a user`];
  tellWhoMay(operation);
  for (const parameter of operation.parameters ?? []) {
    if ('in' in parameter && parameter.in === 'path') parameter.schema = { type: 'string', format: 'uuid' };
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response && 'content' in response && isPage(response.content)) response.headers = nextPage;
    if (response && 'description' in response) response.description ||= successes[status] ?? '';
  }
  const statuses = refusals(path, method, operation, isPublic);
  if (statuses.includes('429')) {
    for (const response of Object.values(operation.responses)) {
      if (response && 'description' in response) response.headers = { ...response.headers, ...limitHeaders };
    }
  }
  for (const status of statuses) {
    operation.responses[status] = {
      description: problems[status]!,
      headers: { ...(status === '429' ? limitHeaders : {}), ...(/429|503/.test(status) ? retryAfter : {}) },
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
}

/** What the decorators of `access` say is for people too. */
function tellWhoMay(described: Operation): void {
  const operation = described as Operation & Record<`x-${string}`, unknown>;
  const remarks = [
    operation['x-session-only'] ? 'Requires a session. Personal access tokens are not accepted.' : '',
    operation['x-verified-only']
      ? 'Requires a verified email address if the server is configured that way.'
      : '',
  ];
  operation.description = [operation.description, ...remarks].filter(Boolean).join(' ') || undefined;
  for (const key of ['x-session-only', 'x-verified-only'] as const) delete operation[key];
}

function isPage(content: object | undefined): boolean {
  return JSON.stringify(content).includes('Page"');
}

const nextPage = {
  Link: {
    description: 'URL of the next page, if there is one: `<...>; rel="next"`.',
    schema: { type: 'string' },
  },
} as const;

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ */
const limitHeaders = {
  RateLimit: {
    description:
      'Remaining quota of each rate limit and the seconds until it resets: `"user";r=2999;t=60`. Absent if rate limits are off.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': {
    description:
      'Quota of each rate limit and its window in seconds: `"user";q=3000;w=60`. Absent if rate limits are off.',
    schema: { type: 'string' },
  },
} as const;

const retryAfter = {
  'Retry-After': {
    description: 'Number of seconds to wait before the next attempt.',
    schema: { type: 'integer' },
  },
} as const;

const successes: Record<string, string> = {
  200: 'Success.',
  201: 'The created resource.',
  202: 'Accepted. The email is sent in the background.',
  204: 'Success. No content.',
};

const problems: Record<string, string> = {
  400: 'The request is malformed: invalid JSON, invalid UTF-8 or an invalid URL.',
  401: 'The credentials or the token are missing, invalid, expired or revoked.',
  403: 'The URL belongs to another user, the token or the user lacks the required permission, or the current password is wrong.',
  404: 'The resource does not exist or belongs to another user.',
  409: 'Conflicts with the current state of the resource.',
  413: 'The request body is too large.',
  415: 'The request body is not uncompressed UTF-8 JSON.',
  422: 'The request is invalid. `errors` lists the invalid fields.',
  429: 'Too many requests. Try again after `Retry-After` seconds.',
  503: 'The service is temporarily unavailable. Try again after `Retry-After` seconds.',
};

function refusals(path: string, method: string, operation: Operation, isPublic: boolean): string[] {
  const { requestBody } = operation;
  const namesRow = path.includes('{id}');
  const refersToRows = requestBody !== undefined && /tasks|goals/.test(path);
  return [
    ...(method === 'get' ? [] : ['413', '415']),
    '400',
    ...(!isPublic || /login|refresh/.test(path) ? ['401'] : []),
    ...(isPublic ? [] : ['403']),
    ...(namesRow || /\/users\/\{user_id\}(\/sessions)?$/.test(path) || refersToRows ? ['404'] : []),
    ...(/^(patch|put)$/.test(method) ||
    (method === 'post' && path.includes('tasks')) ||
    /register$|export$/.test(path)
      ? ['409']
      : []),
    '422',
    ...(isPublic && !/register|login|refresh|password/.test(path) ? [] : ['429']),
    ...(path.endsWith('/live') ? [] : ['503']),
  ];
}

const problemSchema: Schema = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'request_id'],
  properties: {
    type: { type: 'string', description: 'Always `about:blank`.', example: 'about:blank' },
    title: { type: 'string', description: 'Name of the HTTP status.', example: 'Unprocessable Entity' },
    status: { type: 'integer', description: 'HTTP status code.', example: 422 },
    detail: {
      type: 'string',
      description: 'Explanation of the error for humans.',
      example: 'The request is invalid: title. See errors for details.',
    },
    instance: { type: 'string', description: 'Path of the request.', example: '/api/v1/tasks' },
    code: { type: 'string', description: 'Machine-readable error code.', example: 'validation_failed' },
    request_id: {
      type: 'string',
      format: 'uuid',
      description: 'Id of the request, also in the `X-Request-Id` header and in the server log.',
    },
    errors: {
      type: 'array',
      description: 'The invalid fields. Present for validation errors.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['field', 'code', 'message'],
        properties: {
          field: {
            type: 'string',
            description: 'Name of the field or parameter. Empty for the whole body.',
            example: 'title',
          },
          code: { type: 'string', description: 'Machine-readable error code.', example: 'required' },
          message: {
            type: 'string',
            description: 'Explanation that follows the name of the field.',
            example: 'is required',
          },
        },
      },
    },
  },
};
