import { Validator } from '@seriousme/openapi-schema-validator';
import { startApp, TestApp } from '../setup/app';
import { methods } from '../setup/contract';
import { ids, newGoal, newTask, newUser, password, TestUser } from '../setup/factories';

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

it('is valid OpenAPI, and served as it is', async () => {
  const served = (await (await fetch(`${app.url}/openapi.json`)).json()) as Record<string, unknown>;
  expect(served).toEqual(JSON.parse(JSON.stringify(app.contract.document)));
  const { valid, errors } = await new Validator().validate(served);
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
});

it('says what every route does, takes and answers', () => {
  const all = operations();
  for (const { path, method, operation } of all) {
    const where = `${method} ${path}`;
    expect([where, operation.summary, operation.tags]).toEqual([
      where,
      expect.any(String),
      [expect.any(String)],
    ]);
    for (const parameter of operation.parameters ?? []) {
      expect([where, parameter.name, parameter.schema]).toEqual([
        where,
        parameter.name,
        expect.objectContaining({}),
      ]);
      if (parameter.in === 'query')
        expect([where, parameter.name, parameter.description]).toEqual([
          where,
          parameter.name,
          expect.any(String),
        ]);
    }
    const success = Object.keys(operation.responses).filter((status) => status.startsWith('2'));
    // A batch has an answer for each of its modes.
    const expected = path.endsWith('/batch')
      ? ['200', '207']
      : [expect.stringMatching(/^20[0124]$/) as string];
    expect([where, success]).toEqual([where, expected]);
    if (!['202', '204'].includes(success[0]!))
      expect(operation.responses[success[0]!]!.content).toHaveProperty(
        where.endsWith('/calendar.ics') ? ['text/calendar', 'schema'] : ['application/json', 'schema'],
      );
  }
  const names = all.map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
});

it('allows nothing that it does not name', () => {
  for (const [name, schema] of Object.entries(app.contract.document.components!.schemas!)) {
    expect([name, schema]).toEqual([name, expect.objectContaining({ additionalProperties: false })]);
  }
});

it('wants the bearer token that “Authorize” takes, wherever a route is not public', () => {
  const { components, security } = app.contract.document;
  expect(components!.securitySchemes).toEqual({
    bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  });
  expect(security).toEqual([{ bearer: [] }]);
  const overriding = operations().filter(({ operation }) => operation.security !== undefined);
  expect(overriding.map(({ operation }) => operation.security)).toEqual(overriding.map(() => []));
});

it('has examples that are as it says itself', () => {
  for (const { path, method, operation } of operations()) {
    for (const { value } of Object.values(
      operation.requestBody?.content['application/json']?.examples ?? {},
    )) {
      app.contract.checkRequest(path, method, value);
    }
  }
});

async function tagId(): Promise<string> {
  await newTask(user, { tags: ['pressed'] });
  return (await ids(user, '/tags'))[0]!;
}

it('has examples that work when pressed', async () => {
  const pressed: string[] = [];
  for (const { path, method, operation } of operations()) {
    const examples = Object.values(operation.requestBody?.content['application/json']?.examples ?? {});
    for (const { value } of examples) {
      if ('username' in value) continue; // the demo account of `npm run seed`: see startup.e2e-spec
      const rows = { goals: (await newGoal(user)).id, tasks: (await newTask(user)).id, tags: await tagId() };
      const url = `/${path}`
        .replace('{user_id}', user.id)
        .replace(/(goals|tasks|tags)\/\{id\}/, (_match, name: 'goals') => `${name}/${rows[name]}`);
      const { status } = await user.api.call(method, url, value);
      expect([method, path, Math.floor(status / 100)]).toEqual([method, path, 2]);
      pressed.push(`${method} ${path}`);
    }
  }
  expect(pressed).toHaveLength(23);
  // Fields carry the other examples: the password of an account that was made with the examples.
  const login = await app.api.post('/auth/login', { email: 'you@example.com', password }).expect(200);
  const you = app.api.withToken((login.body as { access_token: string }).access_token);
  await you.delete('/users/me', { password: 'a cairn of many stones' }).expect(204);
});

it('can be explored in Swagger UI', async () => {
  const page = await fetch(`${app.url}/docs`);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html']);
  const assets = [...(await page.text()).matchAll(/(?:src|href)="(\.[^"]+)"/g)];
  expect(assets.length).toBeGreaterThan(3);
  for (const [, asset] of assets) {
    const answer = await fetch(new URL(asset!, page.url));
    expect([asset, answer.status, (await answer.text()).length > 0]).toEqual([asset, 200, true]);
  }
});
