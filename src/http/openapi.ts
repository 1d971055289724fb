import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import {
  documentConditions,
  documentDryRun,
  documentIdempotencyKey,
  documentLocation,
} from './openapi-request-headers';
import { accessExtensions } from './access';
import { describeGroups } from './api-group';
import { operationIdOf } from './openapi-names';
import { documentPages } from './openapi-pages';
import { describeParameters } from './openapi-parameters';
import { documentProblems, Operation, problemSchema } from './openapi-problems';
import { completeSchemas, Node } from './openapi-schemas';
import { isMirror } from './user-mirror';

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

const description = `
API for managing tasks and goals, with a separate account for each user.

**To try it here**, call \`POST /auth/register\` and \`POST /auth/login\`, and enter the \`access_token\` under "Authorize".
After \`npm run seed\`, the second example of \`POST /auth/login\` signs in to a demo account, which has the rows that the
examples of the other operations name.

**Timestamps** are RFC 3339 in UTC. **Errors** are problem details (RFC 9457) with a \`code\` for programs. Their media type
is always \`application/problem+json\`, whatever \`Accept\` says.

**Mirrors.** All operations under \`/tasks\` and \`/goals\` are also available under \`/users/{user_id}/tasks\` and
\`/users/{user_id}/goals\`, where \`user_id\` is your own id. They are the same operations, and this document does not
repeat them. With the id of another user, they respond with 403 \`forbidden\`.
`;

/**
 * Serves the OpenAPI document at /openapi.json and Swagger UI at /docs, to which / redirects. The document is written
 * once: nobody needs to sign in to get it, and writing it takes long. All responses share one buffer.
 */
export function serveOpenApi(app: NestFastifyApplication): void {
  const document = Buffer.from(JSON.stringify(openApiDocument(app)));
  const fastify = app.getHttpAdapter().getInstance();
  fastify.get('/openapi.json', (_request, reply) => reply.type('application/json').send(document));
  fastify.get('/', (_request, reply) => reply.redirect('/docs'));
  // Without a document of its own, Swagger UI gets it from this URL.
  SwaggerModule.setup('docs', app, () => undefined as unknown as OpenAPIObject, {
    raw: false,
    swaggerUrl: '/openapi.json',
    customSiteTitle: 'Cairn',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, docExpansion: 'none' },
  });
}

/**
 * The OpenAPI document: the declarations of the controllers, plus the parts common to all routes.
 * @param withMirrors whether the operations under /users/{user_id} that mirror others are included. The served document
 * only mentions them; the tests call them.
 */
export function openApiDocument(app: INestApplication, { withMirrors = false } = {}): OpenAPIObject {
  const settings = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Cairn')
    .setDescription(description.trim())
    .setVersion('1')
    .addServer('/', 'This server')
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'The `access_token` of a session: a JSON Web Token, verified as RFC8725 recommends. Or a personal access token.',
      },
      'bearer',
    )
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, settings, { operationIdFactory: operationIdOf });
  const schemas = (document.components!.schemas ??= {}) as Record<string, Node>;
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of methods) {
      const operation = item[method] as Operation | undefined;
      if (operation && !withMirrors && isMirror(operation, path)) delete item[method];
      else if (operation) {
        if (method === 'post' && document.paths[`${path}/{id}`]?.get) documentLocation(operation);
        completeOperation(path, method, operation, schemas);
      }
    }
    if (!methods.some((method) => item[method])) delete document.paths[path];
  }
  document.tags = describeGroups(
    Object.values(document.paths).flatMap((item) => methods.flatMap((method) => item[method]?.tags ?? [])),
  );
  completeSchemas(document);
  shareHeaders(document);
  document.components!.schemas.Problem = problemSchema() as object;
  return document;
}

/** Replaces the headers of responses by references. */
function shareHeaders(document: OpenAPIObject): void {
  const shared = (document.components!.headers ??= {});
  const operations = Object.values(document.paths).flatMap((item) =>
    methods.flatMap((method) => item[method] ?? []),
  );
  for (const response of operations.flatMap(({ responses }) => Object.values(responses))) {
    const headers = (response && 'headers' in response ? response.headers : undefined) ?? {};
    for (const [name, header] of Object.entries(headers)) {
      shared[name] ??= header;
      headers[name] = { $ref: `#/components/headers/${name}` };
    }
  }
}

function completeOperation(
  path: string,
  method: string,
  operation: Operation,
  schemas: Record<string, Node>,
): void {
  // An empty security requirement means that no token is needed.
  const isPublic = operation.security?.some((requirement) => Object.keys(requirement).length === 0) ?? false;
  if (isPublic) operation.security = [];
  describeAccess(operation, isPublic);
  const url = describeParameters(path, method, operation);
  documentPages(operation);
  documentConditions(path, method, operation, isPublic, schemas);
  if (method === 'post') documentIdempotencyKey(operation);
  if (method !== 'get' && !isPublic) documentDryRun(operation);
  documentProblems(operation, isPublic, url, schemas);
  for (const extension of Object.keys(operation).filter((key) => key.startsWith('x-'))) {
    delete operation[extension as `x-${string}`];
  }
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
