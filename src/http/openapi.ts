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
      'Tasks and goals, of many users. Make an account, sign in, and put the access_token into “Authorize”. ' +
        'Times are RFC 3339 in UTC. Errors are application/problem+json (RFC 9457).',
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
    operation['x-session-only'] ? 'Wants a session: a personal token does not serve.' : '',
    operation['x-verified-only'] ? 'May want a verified email address.' : '',
  ];
  operation.description = [operation.description, ...remarks].filter(Boolean).join(' ') || undefined;
  for (const key of ['x-session-only', 'x-verified-only'] as const) delete operation[key];
}

function isPage(content: object | undefined): boolean {
  return JSON.stringify(content).includes('Page"');
}

const nextPage = {
  Link: { description: 'The next page, if there is one: `<…>; rel="next"`.', schema: { type: 'string' } },
} as const;

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ */
const limitHeaders = {
  RateLimit: {
    description: 'What is left of each limit: `"user";r=2999;t=60`. Not where limits are off.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': {
    description: 'The limits: `"user";q=3000;w=60`. Not where limits are off.',
    schema: { type: 'string' },
  },
} as const;

const retryAfter = {
  'Retry-After': { description: 'Seconds after which to try again.', schema: { type: 'integer' } },
} as const;

const successes: Record<string, string> = {
  200: 'As asked.',
  201: 'Made.',
  202: 'It is on its way.',
  204: 'Done; there is nothing to show.',
};

const problems: Record<string, string> = {
  400: 'It cannot be read: no valid JSON, no valid UTF-8, no valid address.',
  401: 'No valid access token, or the session has ended.',
  403: 'The address names another user, the token does not serve for this, or the password is not right.',
  404: 'It is not there, or not yours.',
  409: 'It contradicts what is stored.',
  413: 'The body is too large.',
  415: 'The body is not JSON in UTF-8.',
  422: 'It is not valid: `errors` names each field.',
  429: 'Too many requests; try again after `Retry-After` seconds.',
  503: 'Busy or out of reach; try again after `Retry-After` seconds.',
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
    type: { type: 'string', example: 'about:blank' },
    title: { type: 'string', example: 'Unprocessable Entity' },
    status: { type: 'integer', example: 422 },
    detail: {
      type: 'string',
      description: 'What was wrong, for people.',
      example: 'The request is not valid: see errors (title).',
    },
    instance: { type: 'string', description: 'The path that was asked for.', example: '/api/v1/tasks' },
    code: { type: 'string', description: 'What was wrong, for programs.', example: 'validation_failed' },
    request_id: { type: 'string', format: 'uuid', description: 'Names the request in the log.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['field', 'code', 'message'],
        properties: {
          field: { type: 'string', example: 'title' },
          code: { type: 'string', example: 'required' },
          message: { type: 'string', example: 'is required' },
        },
      },
    },
  },
};
