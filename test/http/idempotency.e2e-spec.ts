import { newDatabase, startApp, TestApp } from '../setup/app';
import { fillPath, routesOf } from '../setup/catalogue';
import { Json, newGoal, newPersonalToken, newTask, newUser, password, TestUser } from '../setup/factories';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { PostgresProxy } from '../setup/postgres-proxy';
import { startInProduction } from '../setup/production-app';

const secret = 'a secret of the tests, long enough';

let proxy: PostgresProxy;
let app: TestApp;
/** Another instance, on the same database. */
let second: TestApp;
let user: TestUser;
beforeAll(async () => {
  proxy = await PostgresProxy.open(await newDatabase());
  app = await startApp({ DATABASE_URL: proxy.url });
  second = await startApp({
    DATABASE_URL: app.databaseUrl,
    QUOTA_IDEMPOTENCY_KEYS: '3',
    QUOTA_IDEMPOTENCY_BYTES: '5000',
  });
});
beforeEach(async () => (user = await newUser(app)));
afterAll(async () => {
  await Promise.all([app.close(), second.close()]);
  proxy.close();
});

let keys = 0;
const newKey = () => `key-${++keys}`;
const post = (path: string, key: string, body?: object, by = user) =>
  by.api.post(path, body).set('idempotency-key', key);
const codeOf = ({ body }: { body: unknown }) => (body as { code: string }).code;
const countOf = async (path: string) =>
  (
    (await user.api.get(`${path}${path.includes('?') ? '&' : '?'}include=total`).expect(200)).body as {
      total: number;
    }
  ).total;

describe('a POST with an Idempotency-Key', () => {
  it('returns the stored response to every repetition, and has no other effect', async () => {
    const goal = await newGoal(user);
    const task = await newTask(user, { goal_id: goal.id });
    const operations = [
      { op: 'create', data: { title: 'x' } },
      { op: 'create', data: { title: 'x', goal_id: task.id } },
      { op: 'create', data: { title: 'y' } },
    ];
    for (const [path, status, body] of [
      ['/tasks', 201, { title: 'Once', tags: ['a'] }],
      ['/goals', 201, { title: 'Once' }],
      [`/tasks/${task.id}/complete`, 200],
      [`/tasks/${task.id}/reopen?`, 200],
      [`/tasks/${task.id}/undo?force=true`, 200],
      [`/tasks/${task.id}/time-entries`, 201, { hours: 1 }],
      [`/tasks/${task.id}/timer/start`, 201, {}],
      [`/tasks/${task.id}/timer/stop`, 200],
      [`/goals/${goal.id}/complete`, 200],
      [`/users/${user.id}/tasks`, 201, { title: 'Once' }],
      ['/tasks/batch', 200, { operations: [operations[0]] }],
      ['/tasks/batch', 207, { mode: 'partial', operations }],
    ] as [string, number, object?][]) {
      const key = newKey();
      const first = await post(path, key, body);
      expect([path, first.status, first.headers['idempotency-replayed']]).toEqual([path, status, undefined]);
      const [tasks, changes] = [await countOf('/tasks'), await countOf(`/tasks/${task.id}/history`)];
      // The key is checked before the version.
      const headers = path.includes(task.id) || path.includes(goal.id) ? { 'if-match': '"999"' } : {};
      const replay = await post(path, key, body).set(headers);
      expect([path, replay.status, replay.text]).toEqual([path, status, first.text]);
      expect(replay.headers).toMatchObject({ 'idempotency-replayed': 'true' });
      if (path === '/tasks') expect(first.headers.location).toBe(`/api/v1/tasks/${(first.body as Json).id}`);
      for (const name of ['etag', 'location', 'content-type'])
        expect([path, replay.headers[name]]).toEqual([path, first.headers[name]]);
      expect([await countOf('/tasks'), await countOf(`/tasks/${task.id}/history`)]).toEqual([tasks, changes]);
    }
    // In mode `partial`, a failed operation was rolled back alone.
    expect(await countOf('/tasks?q=y')).toBe(1);
  });

  it('refuses another body, and separates keys by user, path and query', async () => {
    const key = newKey();
    await post('/tasks', key, { title: 'A' }).expect(201);
    await post(`/tasks/${user.id}/complete`, key).expect(404);
    const reused = await post('/tasks', key, { title: 'B' }).expect(422);
    expect(codeOf(reused)).toBe('idempotency_key_reused');
    await post(`/users/${user.id}/tasks`, key, { title: 'A' }).expect(201);
    await post('/goals', key, { title: 'A' }).expect(201);
    const other = await newUser(app);
    const { headers } = await post('/tasks', key, { title: 'A' }, other).expect(201);
    expect(headers['idempotency-replayed']).toBeUndefined();
    expect(await countOf('/tasks')).toBe(2);
    // A personal access token is the same user.
    const byToken = app.api.withToken((await newPersonalToken(user)).token);
    const { headers: replayed } = await byToken
      .post('/tasks', { title: 'A' })
      .set('idempotency-key', key)
      .expect(201);
    expect(replayed['idempotency-replayed']).toBe('true');
  });

  it('stores no failure: the same request can be repeated when it can succeed', async () => {
    const key = newKey();
    await post('/tasks', key, { title: '' }).expect(422);
    await post('/tasks', key, { title: 'x', goal_id: user.id }).expect(404);
    const task = await newTask(user);
    const stop = newKey();
    await post(`/tasks/${task.id}/timer/stop`, stop).expect(409);
    await user.api.post(`/tasks/${task.id}/timer/start`, {}).expect(201);
    await post(`/tasks/${task.id}/timer/stop`, stop).expect(200);
    await post('/tasks', key, { title: 'x' }).expect(201);
    expect(await countOf('/tasks')).toBe(2);
  });

  it('is checked by every route', async () => {
    const unchecked: string[] = [];
    for (const { method, path } of routesOf(app)) {
      if (method !== 'post') continue;
      const url = fillPath(path, user.id, () => user.id);
      const { body } = await user.api.call('post', url).set('idempotency-key', 'not valid');
      const { code, errors } = body as { code: string; errors?: { field: string }[] };
      if (code !== 'idempotency_key_not_supported' && errors?.[0]?.field !== 'Idempotency-Key')
        unchecked.push(`${path}: ${code}`);
    }
    expect(unchecked).toEqual([]);
  });

  it('refuses keys that are not valid, and routes whose requests or responses contain secrets', async () => {
    for (const key of ['', 'a b', 'x'.repeat(256), 'ü'])
      expect([key, (await post('/tasks', key, { title: 'x' })).status]).toEqual([key, 422]);
    for (const [path, body] of [
      ['/auth/tokens', { name: 'A program', scopes: ['read'] }],
      ['/auth/password', { current_password: password, new_password: 'a cairn of other stones' }],
      ['/users/me/deactivate', { password }],
      ['/auth/logout', undefined],
      ['/auth/login', { email: user.email, password }],
      ['/auth/register', { email: 'once@example.com', password }],
    ] as const) {
      const response = await post(path, newKey(), body);
      expect([path, response.status, codeOf(response)]).toEqual([path, 400, 'idempotency_key_not_supported']);
    }
    const { rows } = await app.database.query('SELECT FROM idempotency_keys WHERE user_id = $1', [user.id]);
    expect(rows).toEqual([]);
    await user.api.post('/auth/logout').set('if-none-match', '"1"').expect(204);
  });

  it('creates one row for 50 parallel requests to two instances', async () => {
    const key = newKey();
    const instances = [user.api, second.api.withToken(user.access_token)];
    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        instances[n % 2]!.post('/tasks', { title: 'Once' }).set('idempotency-key', key),
      ),
    );
    const created = responses.filter(({ status }) => status === 201);
    const conflicts = responses.filter(({ status }) => status === 409);
    expect(created.length + conflicts.length).toBe(50);
    expect(new Set(conflicts.map(codeOf))).toEqual(
      new Set(conflicts.length ? ['idempotency_key_in_use'] : []),
    );
    expect(new Set(created.map(({ text }) => text)).size).toBe(1);
    expect(created.filter(({ headers }) => headers['idempotency-replayed'] !== 'true')).toHaveLength(1);
    expect(await countOf('/tasks')).toBe(1);
  });

  it('refuses a repetition while the first request is running, on every instance', async () => {
    const unblock = await blockWrites(app, 'INSERT ON tasks');
    const key = newKey();
    const first = post('/tasks', key, { title: 'Slow' }).expect(201);
    const started = first.then((response) => response);
    await waitForLockWaits(app, 1, started);
    try {
      for (const api of [user.api, second.api.withToken(user.access_token)]) {
        const { body, headers } = await api
          .post('/tasks', { title: 'Slow' })
          .set('idempotency-key', key)
          .expect(409);
        expect([(body as { code: string }).code, headers['retry-after']]).toEqual([
          'idempotency_key_in_use',
          '1',
        ]);
      }
    } finally {
      await unblock();
    }
    expect((await post('/tasks', key, { title: 'Slow' })).text).toBe((await started).text);
  });

  it('returns the stored response after the process was killed between the commit and the response', async () => {
    const killed = await startInProduction(proxy.url, '', { JWT_SECRET_KEY: secret });
    const request = {
      method: 'POST',
      headers: {
        authorization: `Bearer ${user.access_token}`,
        'content-type': 'application/json',
        'idempotency-key': newKey(),
      },
      body: JSON.stringify({ title: 'Committed' }),
    };
    proxy.onCommit = (statements) => {
      if (!statements.some(({ text }) => text.includes('INSERT INTO idempotency_keys'))) return;
      proxy.breaksAfterCommit = 1;
      killed.process.kill('SIGKILL');
    };
    await expect(fetch(`${killed.url}/api/v1/tasks`, request)).rejects.toThrow('fetch failed');
    proxy.onCommit = undefined;
    expect(await killed.ended).toBe('SIGKILL');
    const replay = await fetch(`${second.url}/api/v1/tasks`, request);
    expect([replay.status, replay.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    const { items } = (await user.api.get('/tasks').expect(200)).body as { items: Json[] };
    expect(items).toEqual([await replay.json()]);
  });

  it('keeps responses for 24 hours, within quotas', async () => {
    const api = second.api.withToken(user.access_token);
    const create = (key: string, title = 'x') =>
      api.post('/tasks', { title, description: 'x'.repeat(title.length * 3000) }).set('idempotency-key', key);
    const age = () =>
      app.database.query(
        `UPDATE idempotency_keys SET stored_at = now() - interval '24 hours' WHERE user_id = $1`,
        [user.id],
      );
    const key = newKey();
    await create(key).expect(201);
    const large = await create(newKey()).expect(409);
    expect([codeOf(large), (large.body as { detail: string }).detail]).toEqual([
      'quota_exceeded',
      expect.stringContaining('at most 5000 bytes'),
    ]);
    expect(await countOf('/tasks')).toBe(1);
    await age();
    const { headers } = await create(key).expect(201);
    expect(headers['idempotency-replayed']).toBeUndefined();
    await age();
    for (const goal of [1, 2])
      await api
        .post('/goals', { title: `${goal}` })
        .set('idempotency-key', newKey())
        .expect(201);
    const many = await api.post('/goals', { title: '3' }).set('idempotency-key', newKey()).expect(409);
    expect((many.body as { detail: string }).detail).toContain('at most 3 idempotency keys');
    expect(await countOf('/goals')).toBe(2);
  });
});

describe('ids that clients choose', () => {
  const id = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';

  it('are accepted for tasks, goals, time entries and in batches, once per user', async () => {
    const task = await newTask(user, { id, tags: ['a'] });
    await newTask(user, { id: '01A1FC21-DB47-72DB-B5FB-CB2DBD3C58F4' });
    expect([task.id, await countOf('/tasks')]).toEqual([id, 2]);
    await newGoal(user, { id });
    const entry = await user.api.post(`/tasks/${id}/time-entries`, { id, hours: 1 }).expect(201);
    expect((entry.body as Json).id).toBe(id);
    for (const [path, body] of [
      ['/tasks', { title: 'x', id }],
      ['/tasks', { title: 'x', id, tags: ['b'] }],
      ['/goals', { title: 'x', id }],
      [`/tasks/${id}/time-entries`, { id, hours: 2 }],
      ['/tasks/batch', { operations: [{ op: 'create', data: { title: 'x', id } }] }],
    ] as const)
      expect([path, codeOf(await user.api.post(path, body).expect(409))]).toEqual([path, 'id_taken']);
    await user.api.delete(`/tasks/${id}`).expect(204);
    expect(codeOf(await user.api.post('/tasks', { title: 'x', id }).expect(409))).toBe('id_taken');
    // The id of another user's row is free, and shows nothing about that row.
    user = await newUser(app);
    const created = await user.api
      .post('/tasks/batch', {
        operations: [
          { op: 'create', data: { title: 'Mine', id } },
          { op: 'complete', id },
        ],
      })
      .expect(200);
    expect((created.body as { items: unknown[] }).items[1]).toMatchObject({
      data: { id, title: 'Mine', status: 'completed', tags: [], version: 2 },
    });
  });

  it('must be UUIDs version 7', async () => {
    for (const wrong of [
      '01a1fc21-db47-42db-b5fb-cb2dbd3c58f3',
      '01a1fc21-db47-72db-c5fb-cb2dbd3c58f3',
      '00000000-0000-0000-0000-000000000000',
      'x',
      null,
      7,
    ])
      for (const path of ['/tasks', '/goals'])
        expect([
          path,
          wrong,
          (
            await fetch(`${app.url}/api/v1${path}`, {
              method: 'POST',
              headers: { authorization: `Bearer ${user.access_token}`, 'content-type': 'application/json' },
              body: JSON.stringify({ title: 'x', id: wrong }),
            })
          ).status,
        ]).toEqual([path, wrong, 422]);
  });
});
