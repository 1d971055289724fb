import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { documentProblems, Operation, problemSchema } from './openapi-problems';
import {
  documentConditions,
  documentDryRun,
  documentIdempotencyKey,
  documentLocation,
} from './openapi-request-headers';
import { documentPages } from './openapi-pages';
import { accessExtensions } from './access';
import { mirrorExtension } from './user-mirror';

type Schema = Record<string, unknown> & {
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
};

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

/**
 * Serves the OpenAPI document at /openapi.json and Swagger UI at /docs. The document is written once: nobody needs to sign
 * in to get it, and writing it takes long. All responses share one buffer.
 */
export function serveOpenApi(app: NestFastifyApplication): void {
  const document = Buffer.from(JSON.stringify(openApiDocument(app)));
  const fastify = app.getHttpAdapter().getInstance();
  fastify.get('/openapi.json', (_request, reply) => reply.type('application/json').send(document));
  // Without a document of its own, Swagger UI gets it from this URL.
  SwaggerModule.setup('docs', app, () => undefined as unknown as OpenAPIObject, {
    raw: false,
    swaggerUrl: '/openapi.json',
    customSiteTitle: 'Cairn',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, docExpansion: 'list' },
  });
}

/** The OpenAPI document: the declarations of the controllers, plus the parts common to all routes. */
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
  for (const [name, schema] of Object.entries(schemas)) closeSchema(name, schema);
  schemas.Problem = problemSchema;
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of methods) {
      const operation = item[method] as Operation | undefined;
      if (!operation) continue;
      if (method === 'post' && document.paths[`${path}/{id}`]?.get) documentLocation(operation);
      completeOperation(path, method, operation, schemas);
    }
  }
  return document;
}

/** Allows no properties but the declared ones. In a PATCH body, an absent field keeps its value, so it has no default. */
function closeSchema(name: string, schema: Schema): void {
  if (!schema.properties) return;
  schema.additionalProperties ??= false;
  if (!name.startsWith('Patch')) return;
  for (const property of Object.values(schema.properties)) delete property.default;
}

function completeOperation(
  path: string,
  method: string,
  operation: Operation,
  schemas: Record<string, Schema>,
): void {
  operation.operationId = operationIdOf(path, method);
  // An empty security requirement means that no token is needed.
  const isPublic = operation.security?.some((requirement) => Object.keys(requirement).length === 0) ?? false;
  if (isPublic) operation.security = [];
  if (operation[mirrorExtension] && path.includes('{user_id}')) {
    operation.tags = [`${operation.tags?.[0]} of a user`];
  }
  describeAccess(operation, isPublic);
  for (const parameter of operation.parameters ?? []) {
    if ('in' in parameter && parameter.in === 'path') parameter.schema = { type: 'string', format: 'uuid' };
  }
  documentPages(operation);
  documentConditions(path, method, operation, isPublic, schemas);
  if (method === 'post' && !isPublic) documentIdempotencyKey(operation);
  if (method !== 'get' && !isPublic) documentDryRun(operation);
  documentProblems(method, operation, isPublic);
  for (const extension of Object.keys(operation).filter((key) => key.startsWith('x-'))) {
    delete operation[extension as `x-${string}`];
  }
}

function operationIdOf(path: string, method: string): string {
  const name = path.replace(/^\/api\/v1/, '').replace(/[{}]/g, '');
  return method + name.replace(/[/.]/g, '_');
}

/** Adds the access rules of a route to its description. */
function describeAccess(operation: Operation, isPublic: boolean): void {
  const isForVerified = !isPublic && !operation[accessExtensions.allowUnverified];
  const rules = [
    operation[accessExtensions.sessionOnly]
      ? 'Requires a session. Personal access tokens are not accepted.'
      : '',
    isForVerified ? 'Requires a verified email address if the server is configured that way.' : '',
  ];
  operation.description = [operation.description, ...rules].filter(Boolean).join(' ') || undefined;
}
