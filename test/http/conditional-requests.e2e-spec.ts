import { startApp, TestApp } from '../setup/app';
import { Json, newGoal, newTask, newUser, password, TestUser } from '../setup/factories';
import { fingerprint } from '../setup/fingerprint';
import { waitForMails } from '../setup/mailbox';

let app: TestApp;
let user: TestUser;
let other: TestUser;
beforeAll(async () => {
  app = await startApp();
  [user, other] = [await newUser(app), await newUser(app)];
});
afterAll(() => app.close());

type Call = 'get' | 'post' | 'put' | 'patch' | 'delete';
type Headers = Record<string, string>;

const send = (method: Call, path: string, headers: Headers, body?: object) =>
  user.api.call(method, path, body).set(headers);

/** For what the OpenAPI document does not describe. */
const raw = async (method: string, path: string, headers: Headers, body?: object) => {
  const response = await fetch(`${app.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${user.access_token}`,
      ...(body && { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
};

const etagOf = async (path: string, by = user) => String((await by.api.get(path).expect(200)).headers.etag);
const code = (body: unknown) => (body as { code: string }).code;

describe('reads', () => {
  it('have a strong entity tag with the version, the same for all responses with the same bytes', async () => {
    const created = await user.api.post('/tasks', { title: 'A task' }).expect(201);
    const task = created.body as Json;
    const url = `/tasks/${task.id}`;
    const etag = await etagOf(url);
    expect(etag).toMatch(/^"1-[\w-]{16}"$/);
    expect([created.headers.etag, await etagOf(`/users/${user.id}${url}`)]).toEqual([etag, etag]);
    const updated = await user.api.patch(url, { title: 'Another' }).expect(200);
    expect(updated.headers.etag).toMatch(/^"2-/);
    expect(await etagOf(url)).toBe(updated.headers.etag);
    for (const path of [
      '/goals',
      '/tags',
      '/users/me',
      '/dashboard',
      '/tasks/summary',
      `${url}/history`,
      '/auth/sessions',
    ])
      expect(await etagOf(path)).toMatch(/^"[\w-]+"$/);
  });

  it('return 304 without a body for If-None-Match, until what the user sees has changed', async () => {
    const goal = await newGoal(user);
    const blocker = await newTask(user, { goal_id: goal.id });
    const task = await newTask(user, { tags: ['cached'] });
    const tags = async () => (await user.api.get('/tags').expect(200)).body as { items: Json[] };
    const isUnchanged = async (path: string, etag: string) => {
      const { status, text, headers } = await send('get', path, { 'if-none-match': etag });
      if (status !== 304) return false;
      expect([text, headers.etag, headers['content-type']]).toEqual(['', etag, undefined]);
      return true;
    };
    const check = async (path: string, change: () => Promise<unknown>, isVisible = true) => {
      const etag = await etagOf(path);
      expect([path, await isUnchanged(path, etag)]).toEqual([path, true]);
      await change();
      expect([path, await isUnchanged(path, etag)]).toEqual([path, !isVisible]);
    };
    await check(`/tasks/${task.id}`, () =>
      user.api.put(`/tasks/${task.id}/dependencies/${blocker.id}`).expect(204),
    );
    await check('/tasks?limit=5', () => user.api.post(`/tasks/${blocker.id}/complete`).expect(200));
    await check(`/goals/${goal.id}`, () => user.api.post(`/tasks/${blocker.id}/reopen`).expect(200));
    await check(`/tasks/${task.id}`, () => user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1 }));
    await check('/tags', () => newTask(user, { tags: ['cached'] }));
    await check(`/tasks/${task.id}`, async () =>
      user.api.patch(`/tags/${(await tags()).items[0]!.id}`, { name: 'renamed' }).expect(200),
    );
    // These change nothing that the user sees.
    await check(`/tasks/${task.id}`, () => user.api.patch(`/tasks/${task.id}`, { title: task.title }), false);
    await check(`/goals/${goal.id}`, () => newTask(user, { goal_id: goal.id, status: 'cancelled' }), false);
    await check(
      `/tasks/${task.id}`,
      () => user.api.post(`/tasks/${task.id}/timer/start`, {}).expect(201),
      false,
    );
    await check(`/tasks/${task.id}`, () => newTask(other), false);

    const etag = await etagOf(`/tasks/${task.id}`);
    for (const [header, status] of [
      [`"x", W/${etag}`, 304],
      [`,, ${etag} ,`, 304],
      ['*', 304],
      ['"x"', 200],
      [etag.replaceAll('"', ''), 200],
      [`"${'x'.repeat(8000)}`, 200],
    ] as const)
      expect([header, (await send('get', `/tasks/${task.id}`, { 'if-none-match': header })).status]).toEqual([
        header,
        status,
      ]);
    await send('get', '/tasks/01a1fc21-db47-72db-b5fb-cb2dbd3c58f3', { 'if-none-match': '*' }).expect(404);
    expect(await raw('GET', `/tasks/${task.id}`, { 'if-match': etag })).toMatchObject({ status: 200 });
    expect(await raw('GET', `/tasks/${task.id}`, { 'if-match': `W/${etag}` })).toMatchObject({ status: 412 });
  });
});

describe('writes', () => {
  /** Every way to write a row, and the row: what the version is required of. */
  const writes: [string, Call, (ids: Record<string, string>) => string, object?][] = [
    ['task', 'patch', ({ task }) => `/tasks/${task}`, { notes: 'x' }],
    ['task', 'patch', ({ task }) => `/tasks/${task}`, {}],
    ['task', 'put', ({ task }) => `/users/${user.id}/tasks/${task}`, { notes: 'y', tags: ['z'] }],
    ['task', 'post', ({ task }) => `/tasks/${task}/complete`],
    ['task', 'post', ({ task }) => `/tasks/${task}/reopen`],
    ['task', 'post', ({ task }) => `/tasks/${task}/undo`],
    ['task', 'put', ({ task, otherTask }) => `/tasks/${task}/dependencies/${otherTask}`],
    ['task', 'delete', ({ task, otherTask }) => `/tasks/${task}/dependencies/${otherTask}`],
    ['task', 'post', ({ task }) => `/tasks/${task}/time-entries`, { hours: 1 }],
    ['task', 'post', ({ task }) => `/tasks/${task}/timer/start`, {}],
    ['task', 'post', ({ task }) => `/tasks/${task}/timer/stop`],
    ['entry', 'delete', ({ task, entry }) => `/tasks/${task}/time-entries/${entry}`],
    ['task', 'delete', ({ task }) => `/tasks/${task}`],
    ['trashed', 'post', ({ task }) => `/tasks/${task}/restore`],
    ['task', 'delete', ({ task }) => `/tasks/${task}?permanent=true`],
    ['goal', 'patch', ({ goal }) => `/goals/${goal}`, { title: 'x' }],
    ['goal', 'post', ({ goal }) => `/goals/${goal}/complete`],
    ['goal', 'post', ({ goal }) => `/goals/${goal}/reopen`],
    ['goal', 'delete', ({ goal }) => `/goals/${goal}`],
    ['tag', 'patch', ({ tag }) => `/tags/${tag}`, { color: '#aa3300' }],
    ['tag', 'patch', ({ tag }) => `/tags/${tag}`, { name: 'new' }],
    ['tag', 'delete', ({ tag }) => `/tags/${tag}`],
    ['user', 'patch', () => '/users/me', { full_name: 'You' }],
    ['user', 'patch', () => `/users/${user.id}`, { full_name: 'You too' }],
    ['user', 'patch', () => '/users/me', { email: 'new@example.com', current_password: password }],
    ['user', 'delete', () => '/users/me', { password, immediately: true }],
  ];

  it('refuse another version with 412 and the current row, change nothing, and accept the current version', async () => {
    user = await newUser(app);
    const task = await newTask(user, { tags: ['kept'] });
    const ids: Record<string, string> = {
      task: task.id,
      otherTask: (await newTask(user)).id,
      goal: (await newGoal(user)).id,
    };
    const { body: entry } = await user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1 }).expect(201);
    ids.entry = (entry as Json).id;
    ids.tag = ((await user.api.get('/tags')).body as { items: Json[] }).items[0]!.id;
    /** The row as its owner sees it now. */
    const current = async (kind: string): Promise<Json> => {
      const list = {
        tag: '/tags',
        entry: `/tasks/${ids.task}/time-entries?sort=created_at`,
        trashed: '/tasks?trashed=true',
      }[kind];
      if (list) return ((await user.api.get(list).expect(200)).body as { items: Json[] }).items[0]!;
      const path = kind === 'user' ? '/users/me' : `/${kind}s/${ids[kind]}`;
      return (await user.api.get(path).expect(200)).body as Json;
    };
    for (const [kind, method, path, body] of writes) {
      const row = await current(kind);
      const subject = `${method} ${path(ids)}`;
      const refused = await send(method, path(ids), { 'if-match': '"999", "1-x"' }, body);
      expect([subject, refused.status, code(refused.body)]).toEqual([subject, 412, 'precondition_failed']);
      expect((refused.body as { current: Json }).current).toEqual(row);
      expect(await current(kind)).toEqual(row);
      const tag = String(refused.headers.etag);
      const forbidden = await send(method, path(ids), { 'if-none-match': `W/${tag}` }, body);
      expect([subject, forbidden.status]).toEqual([subject, 412]);
      const accepted = await send(method, path(ids), { 'if-match': `"999" , ${tag}` }, body);
      expect([subject, accepted.status < 300]).toEqual([subject, true]);
    }
  });

  it('accept the version in a body and in the operations of a batch', async () => {
    user = await newUser(app);
    const task = await newTask(user);
    const url = `/tasks/${task.id}`;
    await user.api.patch(url, { title: 'B', version: 1 }).expect(200);
    const { body } = await user.api.patch(url, { title: 'C', version: 1 }).expect(412);
    expect(body).toMatchObject({ code: 'precondition_failed', current: { title: 'B', version: 2 } });
    await send('patch', url, { 'if-match': '"2"' }, { title: 'C', version: 3 }).expect(412);
    await send('patch', url, { 'if-match': '"2"' }, { title: 'C', version: 2 }).expect(200);
    expect(await raw('POST', `${url}/complete`, {}, { version: 2 })).toMatchObject({ status: 412 });
    expect(await raw('POST', `${url}/complete`, {}, { version: 3 })).toMatchObject({ status: 200 });
    for (const version of [0, -1, 1.5, '4', null, 2 ** 31, [4]])
      expect(code((await user.api.patch(url, { version }).expect(422)).body)).toBe('validation_failed');
    await user.api.patch('/users/me', { version: 1 }).expect(422);

    const operations = [
      { op: 'reopen', id: task.id, version: 4 },
      { op: 'update', id: task.id, data: { title: 'D', version: 4 } },
      { op: 'update', id: task.id, data: { title: 'E' } },
    ];
    const atomic = await user.api.post('/tasks/batch', { operations }).expect(412);
    expect(atomic.body).toMatchObject({
      current: { title: 'C', version: 4 },
      errors: [{ field: 'operations[1]' }],
    });
    const partial = await user.api.post('/tasks/batch', { mode: 'partial', operations }).expect(207);
    expect((partial.body as { items: unknown[] }).items).toMatchObject([
      { status: 200, data: { version: 5 } },
      { status: 412, problem: { current: { version: 5 } } },
      { status: 200, data: { title: 'E', version: 6 } },
    ]);
  });

  it('handle other forms of the headers, and rows that are missing, as RFC 9110 says', async () => {
    user = await newUser(app);
    const task = await newTask(user);
    const url = `/tasks/${task.id}`;
    const etag = await etagOf(url);
    const missing = '/tasks/01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
    const foreign = `/tasks/${(await newTask(other)).id}`;
    for (const [path, headers, status] of [
      [url, { 'if-match': '*' }, 200],
      [url, { 'if-match': '"1"' }, 200],
      [url, { 'if-match': `W/${etag}` }, 412],
      [url, { 'if-match': '"1-short"' }, 412],
      [url, { 'if-match': '"99999999999999999999"' }, 412],
      [url, { 'if-match': '1' }, 400],
      [url, { 'if-match': '"1" "2"' }, 400],
      [url, { 'if-match': '*, "1"' }, 400],
      [url, { 'if-match': '' }, 400],
      [url, { 'if-match': '"'.repeat(8001) }, 400],
      [url, { 'if-none-match': '*' }, 412],
      [url, { 'if-none-match': '"7"' }, 200],
      [missing, { 'if-match': '*' }, 404],
      [missing, { 'if-match': '"1"' }, 404],
      [foreign, { 'if-match': '"1"' }, 404],
      [foreign, { 'if-match': '"2"' }, 404],
      [foreign, { 'if-none-match': '*' }, 404],
    ] as const) {
      const response = await send('patch', path, headers, { title: 'A task' });
      expect([path, headers, response.status]).toEqual([path, headers, status]);
    }
    // Resources without a version.
    const { body } = await user.api.get('/auth/sessions');
    const session = `/auth/sessions/${(body as { items: Json[] }).items[0]!.id}`;
    expect(await raw('DELETE', session, { 'if-match': '"1"' })).toMatchObject({ status: 412 });
    expect(await raw('POST', '/tasks', { 'if-match': '"1"' }, { title: 'x' })).toMatchObject({ status: 412 });
    expect(await raw('POST', '/tasks', { 'if-match': '*' }, { title: 'x' })).toMatchObject({ status: 201 });
    expect(await raw('DELETE', session, { 'if-match': '*' })).toMatchObject({ status: 204 });
  });

  it('of two clients at the same time lose nothing: exactly one of each version succeeds', async () => {
    user = await newUser(app);
    const task = await newTask(user, { notes: '' });
    const second = await startApp({ DATABASE_URL: app.databaseUrl });
    try {
      const write = async (client: number): Promise<number> => {
        const url = client % 2 ? app.url : second.url;
        for (let attempts = 1; ; attempts++) {
          const read = await user.api.get(`/tasks/${task.id}`).expect(200);
          const { notes } = read.body as { notes: string };
          const { status } = await fetch(`${url}/api/v1/tasks/${task.id}`, {
            method: 'PATCH',
            headers: {
              authorization: `Bearer ${user.access_token}`,
              'content-type': 'application/json',
              'if-match': String(read.headers.etag),
            },
            body: JSON.stringify({ notes: `${notes}${client},` }),
          });
          if (status === 200) return attempts;
          expect(status).toBe(412);
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, client) => write(client)));
      const { body } = await user.api.get(`/tasks/${task.id}`);
      const { notes, version } = body as { notes: string; version: number };
      expect(
        notes
          .split(',')
          .filter(Boolean)
          .map(Number)
          .sort((a, b) => a - b),
      ).toEqual([...Array(12).keys()]);
      expect(version).toBe(13);
    } finally {
      await second.close();
    }
  });
});

describe('validate_only', () => {
  it('checks everything and responds as usual, but changes nothing', async () => {
    user = await newUser(app);
    const goal = await newGoal(user);
    const task = await newTask(user, { goal_id: goal.id, tags: ['a'] });
    const tag = ((await user.api.get('/tags')).body as { items: Json[] }).items[0]!;
    const [taskUrl, goalUrl] = [`/tasks/${task.id}`, `/goals/${goal.id}`];
    const chosenId = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
    const operations = [
      { op: 'create', data: { title: 'x', id: chosenId } },
      { op: 'update', id: task.id, data: { title: '' } },
      { op: 'complete', id: chosenId },
    ];
    await waitForMails(app);
    const before = await fingerprint(app.databaseUrl);
    for (const [method, path, status, body, expected] of [
      [
        'post',
        '/tasks',
        201,
        { title: 'New', tags: ['b'], id: chosenId },
        { id: chosenId, tags: ['b'], version: 1 },
      ],
      ['post', '/tasks', 409, { title: 'New', id: task.id }, { code: 'id_taken' }],
      ['post', '/tasks', 404, { title: 'New', goal_id: task.id }, { code: 'not_found' }],
      ['post', '/tasks', 422, { title: '' }, { code: 'validation_failed' }],
      ['patch', taskUrl, 200, { title: 'B', tags: [] }, { title: 'B', tags: [], version: 2 }],
      ['patch', taskUrl, 412, { title: 'B', version: 7 }, { current: { title: 'A task', version: 1 } }],
      ['post', `${taskUrl}/complete`, 200, undefined, { status: 'completed' }],
      ['post', `${taskUrl}/timer/start`, 201, {}, { task_id: task.id, ended_at: null }],
      ['delete', taskUrl, 204],
      ['delete', `${taskUrl}?permanent=true`, 204],
      ['patch', goalUrl, 200, { progress: 40 }, { progress: 40, progress_mode: 'manual' }],
      ['delete', `${goalUrl}?tasks=trash`, 204],
      ['patch', `/tags/${tag.id}`, 200, { name: 'renamed' }, { name: 'renamed' }],
      ['post', '/tasks/batch', 422, { operations }, { errors: [{ field: 'operations[1].data.title' }] }],
      [
        'post',
        '/tasks/batch',
        207,
        { operations, mode: 'partial' },
        { items: [{ status: 201 }, { status: 422 }, { data: { status: 'completed' } }] },
      ],
    ] as [Call, string, number, object?, object?][]) {
      const url = `${path}${path.includes('?') ? '&' : '?'}validate_only=true`;
      const response = await user.api.call(method, url, body).set('idempotency-key', 'dry');
      expect([url, response.status, response.body]).toEqual([
        url,
        status,
        expected ? expect.objectContaining({}) : {},
      ]);
      if (expected) expect(response.body).toMatchObject(expected);
    }
    for (const [method, path, body] of [
      ['patch', '/users/me?validate_only=true', { full_name: 'x' }],
      ['delete', '/auth/sessions?validate_only=true', undefined],
      ['post', '/auth/tokens?validate_only=true', { name: 'x', scopes: ['read'] }],
      ['get', '/tasks?validate_only=true', undefined],
      ['post', '/tasks?validate_only=yes', { title: 'x' }],
      ['post', '/tasks?validate_only=true&validate_only=true', { title: 'x' }],
    ] as const)
      expect([path, (await user.api.call(method, path, body)).status]).toEqual([path, 422]);
    expect(await fingerprint(app.databaseUrl)).toEqual(before);
    await user.api.post('/tasks?validate_only=false', { title: 'x' }).expect(201);
    expect(await fingerprint(app.databaseUrl)).not.toEqual(before);
  });
});
