import { Validator } from '@seriousme/openapi-schema-validator';
import type { OpenAPIObject } from '@nestjs/swagger';
import request from 'supertest';
import { startApp, TestApp } from '../setup/app';
import { methods } from '../setup/contract';
import { createMissingRows, fillPath, rowIdsOf } from '../setup/catalogue';
import { ids, newGoal, newPersonalToken, newTask, newUser, password, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
/** The document as it is served: without the mirrors of operations under /users/{user_id}. */
let served: OpenAPIObject;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app);
  served = (await (await fetch(`${app.url}/openapi.json`)).json()) as OpenAPIObject;
});
afterAll(() => app.close());

interface Operation {
  operationId: string;
  summary?: string;
  tags?: string[];
  security?: object[];
  parameters?: { name: string; in: string; description?: string; schema?: object }[];
  requestBody?: { content: Record<string, { schema: object; examples?: Record<string, { value: object }> }> };
  responses: Record<string, Response>;
}

interface Response {
  description: string;
  content?: Record<string, { schema: object; examples?: Record<string, { value: ProblemExample }> }>;
}

interface ProblemExample {
  status: number;
  code: string;
  instance: string;
  errors?: { field: string }[];
}

const operations = ({ paths } = served) =>
  Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) =>
      item[method] ? [{ path, method, operation: item[method] as unknown as Operation }] : [],
    ),
  );

describe('the OpenAPI document', () => {
  it('is a valid document of OpenAPI 3.1', async () => {
    expect(served.openapi).toBe('3.1.0');
    const { valid, errors } = await new Validator().validate(served as unknown as Record<string, unknown>);
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  });

  it('describes every route of the server, and leaves out only mirrors, which are the same operations', async () => {
    const routes: string[] = [];
    for (const url of app.routeUrls()) {
      if (/^\/($|docs|openapi\.json)/.test(url)) continue;
      const { headers } = await request(app.url).trace(url);
      const allowed = String(headers.allow)
        .split(', ')
        .filter((method) => !['HEAD', 'OPTIONS'].includes(method));
      routes.push(...allowed.map((method) => `${method.toLowerCase()} ${url}`));
    }
    const namesOf = (document: OpenAPIObject) =>
      operations(document).map(({ path, method }) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`);
    expect(routes.sort()).toEqual(namesOf(app.contract.document).sort());
    const documented = namesOf(served);
    const mirrors = routes.filter((route) => !documented.includes(route));
    expect(mirrors.length).toBeGreaterThanOrEqual(34);
    const originals = mirrors.map((route) => route.replace('/users/:user_id', ''));
    expect(originals.filter((route) => !documented.includes(route))).toEqual([]);
    expect(served.info.description).toContain('`/users/{user_id}/tasks`');
  });

  it('is loaded by Swagger UI from its URL, and is not copied into its scripts', async () => {
    const script = await (await fetch(`${app.url}/docs/swagger-ui-init.js`)).text();
    expect(script).toContain('"swaggerUrl": "/openapi.json"');
    expect(script).not.toContain('swaggerDoc":');
  });

  it('describes the purpose, parameters and response of every route', () => {
    const all = operations();
    for (const { path, method, operation } of all) {
      const route = `${method} ${path}`;
      expect([route, operation.summary, operation.tags]).toEqual([
        route,
        expect.any(String),
        [expect.any(String)],
      ]);
      for (const parameter of operation.parameters ?? []) {
        expect([route, parameter.name, parameter.schema, parameter.description]).toEqual([
          route,
          parameter.name,
          expect.objectContaining(
            parameter.in === 'path' ? { format: 'uuid', example: expect.any(String) } : {},
          ),
          expect.any(String),
        ]);
      }
      const inPath = operation.parameters?.filter((parameter) => parameter.in === 'path') ?? [];
      expect([route, inPath.map(({ name }) => `{${name}}`)]).toEqual([route, path.match(/\{\w+\}/g) ?? []]);
      const success = Object.keys(operation.responses).filter((status) => status.startsWith('2'));
      // A batch has a response for each of its modes, and a timer can be running or not.
      const both = { batch: ['200', '207'], timer: ['200', '204'] }[path.split('/').at(-1)!];
      const expected = both ?? [expect.stringMatching(/^20[0124]$/) as string];
      expect([route, success]).toEqual([route, expected]);
      if (!['202', '204'].includes(success[0]!))
        expect(operation.responses[success[0]!]!.content).toHaveProperty(
          route.endsWith('/calendar.ics') ? ['text/calendar', 'schema'] : ['application/json', 'schema'],
        );
    }
    const names = all.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    const verbs =
      /^(add|check|create|change|complete|deactivate|delete|export|get|list|login|logout|put|refresh|register|reopen|request|reset|restore|revoke|run|start|stop|undo|update|verify)([A-Z]\w+)?$/;
    expect(names.filter((name) => !verbs.test(name))).toEqual([]);
    expect(names).toEqual(
      expect.arrayContaining([
        'listTasks',
        'createTask',
        'completeTask',
        'addTaskDependency',
        'getTaskSummary',
      ]),
    );
  });

  it('describes the groups of operations, in the order in which a person explores them', () => {
    const groups = served.tags!.map(({ name }) => name);
    expect(groups.slice(0, 5)).toEqual(['Auth', 'Account', 'Tasks', 'Goals', 'Tags']);
    expect(served.tags!.filter(({ description }) => !description)).toEqual([]);
    const used = new Set(operations().flatMap(({ operation }) => operation.tags));
    expect([...used].filter((name) => !groups.includes(name!))).toEqual([]);
  });

  it('describes each problem of an operation with its codes, and with examples of that operation', async () => {
    await app.database.query('UPDATE users SET is_superuser = true WHERE id = $1', [user.id]);
    for (const { path, method, operation } of operations()) {
      const route = `${method} ${path}`;
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        const examples = content?.['application/problem+json']?.examples;
        if (Number(status) < 400) continue;
        for (const [code, { value }] of Object.entries(examples ?? { none: { value: {} } })) {
          expect([route, code, value]).toEqual([
            route,
            code,
            expect.objectContaining({ status: Number(status), code }),
          ]);
          expect([route, description]).toEqual([route, expect.stringContaining(`\`${code}\``)]);
          app.contract.checkProblem(value as ProblemExample);
        }
      }
      // Some request that the example describes: without a field, with a malformed id, or with an unknown parameter.
      const example = operation.responses['422']!.content!['application/problem+json']!.examples!;
      const expected = example.validation_failed!.value;
      const [{ field }] = expected.errors as [{ field: string }];
      const url = `/${expected.instance.replace(/[\w-]{36}/, field.endsWith('id') ? 'no-id' : '$&')}`;
      const { body } = await user.api.call(method, field === 'unknown' ? `${url}?unknown=1` : url, {});
      const { status, code, errors } = body as ProblemExample;
      expect([route, status, code, errors]).toEqual([
        route,
        422,
        'validation_failed',
        expect.arrayContaining(expected.errors!),
      ]);
    }
    await app.database.query('UPDATE users SET is_superuser = false WHERE id = $1', [user.id]);
  });

  it('allows only named properties', () => {
    for (const [name, schema] of Object.entries(served.components!.schemas!)) {
      expect([name, schema]).toEqual([name, expect.objectContaining({ additionalProperties: false })]);
    }
  });

  it('requires the bearer token on every route that is not public', () => {
    const { components, security } = served;
    expect(components!.securitySchemes).toEqual({
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: expect.any(String) as string,
      },
    });
    expect(security).toEqual([{ bearer: [] }]);
    const overriding = operations().filter(({ operation }) => operation.security !== undefined);
    expect(overriding.map(({ operation }) => operation.security)).toEqual(overriding.map(() => []));
  });

  it('has examples that match their schemas', () => {
    for (const { path, method, operation } of operations()) {
      for (const { value } of Object.values(
        operation.requestBody?.content['application/json']?.examples ?? {},
      )) {
        app.contract.checkRequest(path, method, value);
      }
    }
  });

  async function newTagId(): Promise<string> {
    await newTask(user, { tags: ['example'] });
    return (await ids(user, '/tags'))[0]!;
  }

  it('has examples that succeed', async () => {
    const sent: string[] = [];
    for (const { path, method, operation } of operations()) {
      const examples = Object.values(operation.requestBody?.content['application/json']?.examples ?? {});
      for (const { value } of examples) {
        if ('is_active' in value) continue; // the account of another user: see test/clients
        if ('username' in value) continue; // the demo account of `npm run seed`: see test/cli/seed.e2e-spec.ts
        // Earlier examples may have deleted rows.
        await newPersonalToken(user);
        const task = await newTask(user);
        const entry = await user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1 }).expect(201);
        const fresh = {
          goals: (await newGoal(user)).id,
          tasks: task.id,
          tags: await newTagId(),
          'time-entries': (entry.body as { id: string }).id,
        };
        await createMissingRows(app, user);
        const rows: Record<string, string> = { ...(await rowIdsOf(app, user)), ...fresh };
        const url = fillPath(path, user.id, (collection) => rows[collection]!);
        const { status } = await user.api.call(method, url, value);
        expect([method, path, Math.floor(status / 100)]).toEqual([method, path, 2]);
        sent.push(`${method} ${path}`);
      }
    }
    expect(sent.length).toBeGreaterThanOrEqual(16);
    // Other examples belong to fields: the password is that of the account in the registration example.
    const login = await app.api.post('/auth/login', { email: 'you@example.com', password }).expect(200);
    const exampleUser = app.api.withToken((login.body as { access_token: string }).access_token);
    await exampleUser.delete('/users/me', { password: 'a cairn of many stones' }).expect(204);
  });

  it('documents sort fields that every list without path parameters accepts', async () => {
    await app.database.query('UPDATE users SET is_superuser = true WHERE id = $1', [user.id]);
    const sorted: string[] = [];
    for (const { path, method, operation } of operations()) {
      const sort = operation.parameters?.find(({ name }) => name === 'sort');
      if (!sort || path.includes('{')) continue;
      const [, fields = ''] = /sort fields: (.+?)\. /.exec(sort.description ?? '') ?? [];
      for (const field of fields.split(', ')) {
        const { status } = await user.api.call(method, `/${path}?sort=${field}`);
        expect([path, field, status]).toEqual([path, field, 200]);
        sorted.push(`${path} ${field}`);
      }
    }
    expect(sorted.length).toBeGreaterThanOrEqual(20);
  });

  it('is shown by Swagger UI with all its assets', async () => {
    const page = await fetch(`${app.url}/docs`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html']);
    const assets = [...(await page.text()).matchAll(/(?:src|href)="(\.[^"]+)"/g)];
    expect(assets.length).toBeGreaterThan(3);
    for (const [, asset] of assets) {
      const response = await fetch(new URL(asset!, page.url));
      expect([asset, response.status, (await response.text()).length > 0]).toEqual([asset, 200, true]);
    }
  });
});
