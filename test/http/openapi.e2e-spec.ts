import { Validator } from '@seriousme/openapi-schema-validator';
import { startApp, TestApp } from '../setup/app';
import { methods } from '../setup/contract';
import { createMissingRows, fillPath, rowIdsOf } from '../setup/catalogue';
import { ids, newGoal, newPersonalToken, newTask, newUser, password, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app);
});
afterAll(() => app.close());

interface Operation {
  operationId: string;
  summary?: string;
  tags?: string[];
  security?: object[];
  parameters?: { name: string; in: string; description?: string; schema?: object }[];
  requestBody?: { content: Record<string, { schema: object; examples?: Record<string, { value: object }> }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

const operations = () =>
  Object.entries(app.contract.document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) =>
      item[method] ? [{ path, method, operation: item[method] as unknown as Operation }] : [],
    ),
  );

describe('the OpenAPI document', () => {
  it('is valid and served unchanged', async () => {
    const served = (await (await fetch(`${app.url}/openapi.json`)).json()) as Record<string, unknown>;
    expect(served).toEqual(JSON.parse(JSON.stringify(app.contract.document)));
    const { valid, errors } = await new Validator().validate(served);
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
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
        expect([route, parameter.name, parameter.schema]).toEqual([
          route,
          parameter.name,
          expect.objectContaining({}),
        ]);
        if (parameter.in === 'query')
          expect([route, parameter.name, parameter.description]).toEqual([
            route,
            parameter.name,
            expect.any(String),
          ]);
      }
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
  });

  it('allows only named properties', () => {
    for (const [name, schema] of Object.entries(app.contract.document.components!.schemas!)) {
      expect([name, schema]).toEqual([name, expect.objectContaining({ additionalProperties: false })]);
    }
  });

  it('requires the bearer token on every route that is not public', () => {
    const { components, security } = app.contract.document;
    expect(components!.securitySchemes).toEqual({
      bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
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
    expect(sent.length).toBeGreaterThanOrEqual(23);
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
