import { startApp, TestApp } from '../setup/app';
import { methods } from '../setup/contract';
import { newGoal, newPersonalToken, newTask, newUser, password, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app);
});
afterAll(() => app.close());

const newToken = async (fields: object = {}) => {
  const { token, id } = await newPersonalToken(user, fields);
  return { id, api: app.api.withToken(token) };
};

describe('a personal access token', () => {
  it('shows its secret once, and is listed and stored without it', async () => {
    const created = await newPersonalToken(user, {
      name: ' Backup ',
      scopes: ['read'],
      expires_at: '2099-01-01T00:00:00Z',
    });
    expect(created).toEqual({
      id: expect.any(String) as string,
      name: 'Backup',
      scopes: ['read'],
      created_at: expect.any(String) as string,
      expires_at: '2099-01-01T00:00:00.000Z',
      last_used_at: null,
      token: expect.stringMatching(/^cairn_[\w-]{43}$/) as string,
    });
    const { token, ...shown } = created;
    const { body } = await user.api.get('/auth/tokens').expect(200);
    expect(body).toEqual({ items: [shown], next_cursor: null });
    const { rows } = await app.database.query(
      `SELECT token_hash = sha256($2::text::bytea) AS "isHash" FROM personal_tokens WHERE id = $1`,
      [created.id, token],
    );
    expect(rows).toEqual([{ isHash: true }]);
  });

  it('expires after 90 days by default', async () => {
    const { created_at, expires_at } = await newPersonalToken(user);
    const days = (Date.parse(expires_at as string) - Date.parse(created_at as string)) / 86_400_000;
    expect(Math.round(days)).toBe(90);
  });

  it('records when it was last used', async () => {
    const { id, api } = await newToken();
    await api.get('/tasks').expect(200);
    const { body } = await user.api.get('/auth/tokens?limit=200').expect(200);
    const { items } = body as { items: { id: string; last_used_at: string | null }[] };
    expect(items.find((token) => token.id === id)!.last_used_at).not.toBeNull();
  });

  it('allows only the requests of its scopes', async () => {
    const [reader, writer] = [await newToken({ scopes: ['read'] }), await newToken({ scopes: ['write'] })];
    const task = await newTask(user);
    await reader.api.get(`/tasks/${task.id}`).expect(200);
    await reader.api.get('/users/me').expect(200);
    await reader.api.get(`/users/${user.id}/goals`).expect(200);
    await reader.api.get('/users/me/export').expect(200);
    for (const call of [
      () => reader.api.post('/tasks', { title: 'x' }),
      () => reader.api.patch(`/tasks/${task.id}`, { title: 'x' }),
      () => reader.api.put(`/tasks/${task.id}`, { title: 'x' }),
      () => reader.api.delete(`/tasks/${task.id}`),
      () => reader.api.post(`/tasks/${task.id}/complete`),
      () => reader.api.patch('/users/me', { full_name: 'x' }),
    ]) {
      const { body } = await call()
        .expect(403)
        .expect('www-authenticate', /insufficient_scope.*scope="write"/);
      expect(body).toMatchObject({ code: 'insufficient_scope' });
    }
    await writer.api.patch(`/tasks/${task.id}`, { title: 'Written' }).expect(200);
    await writer.api.patch('/users/me', { full_name: 'Written' }).expect(200);
    await writer.api
      .get(`/tasks/${task.id}`)
      .expect(403)
      .expect('www-authenticate', /scope="read"/);
    const { body } = await user.api.get(`/tasks/${task.id}`).expect(200);
    expect(body).toMatchObject({ title: 'Written', version: 2 });
  });

  it('can access the rows of its user only', async () => {
    const other = await newUser(app);
    const [goal, theirs] = [await newGoal(user), await newTask(other)];
    const { api } = await newToken();
    await api.get(`/goals/${goal.id}`).expect(200);
    await api.get(`/tasks/${theirs.id}`).expect(404);
    await api.post('/tasks', { title: 'x', parent_task_id: theirs.id }).expect(404);
    await api.get(`/users/${other.id}/tasks`).expect(403);
  });

  it('is refused on every route for the security of the account', async () => {
    const { api } = await newToken();
    const { paths } = app.contract.document;
    const called: string[] = [];
    for (const [path, item] of Object.entries(paths)) {
      for (const method of methods) {
        if (!item[method]?.description?.includes('Requires a session')) continue;
        const url = `/${path.replace('{user_id}', user.id).replace('{id}', user.id)}`;
        const { body } = await api.call(method, url).expect(403);
        expect([method, path, (body as { code: string }).code]).toEqual([method, path, 'session_required']);
        called.push(`${method} ${path.replace('/api/v1', '')}`);
      }
    }
    expect(called.sort()).toEqual([
      'delete /auth/sessions',
      'delete /auth/sessions/{id}',
      'delete /auth/tokens/{id}',
      'delete /users/me',
      'delete /users/{user_id}',
      'delete /users/{user_id}/sessions',
      'get /auth/sessions',
      'get /auth/tokens',
      'post /auth/email/verification',
      'post /auth/logout',
      'post /auth/password',
      'post /auth/tokens',
      'post /users/me/deactivate',
    ]);
    const { body } = await api
      .patch('/users/me', { email: 'thief@example.com', current_password: password })
      .expect(403);
    expect(body).toMatchObject({ code: 'session_required' });
  });

  it('is refused for administration', async () => {
    const superuser = await newUser(app);
    const { token } = await newPersonalToken(superuser);
    await app.database.query('UPDATE users SET is_superuser = true WHERE id = $1', [superuser.id]);
    await superuser.api.get('/users').expect(200);
    const tokenApi = app.api.withToken(token);
    for (const call of [
      () => tokenApi.get('/users'),
      () => tokenApi.get(`/users/${user.id}`),
      () => tokenApi.patch(`/users/${user.id}`, { is_active: false }),
    ]) {
      const { body } = await call().expect(403);
      expect(body).toMatchObject({ code: 'session_required' });
    }
    await tokenApi.get(`/users/${superuser.id}`).expect(200);
  });

  describe('is refused at once on all instances', () => {
    const cases: [string, (token: { id: string }, owner: TestUser) => Promise<unknown>][] = [
      ['is revoked', ({ id }, owner) => owner.api.delete(`/auth/tokens/${id}`).expect(204)],
      [
        'has expired',
        ({ id }) => app.database.query('UPDATE personal_tokens SET expires_at = now() WHERE id = $1', [id]),
      ],
      [
        'belongs to a deactivated account',
        (_token, owner) => app.database.query('UPDATE users SET is_active = false WHERE id = $1', [owner.id]),
      ],
      [
        'belongs to a deleted account',
        (_token, owner) => owner.api.delete('/users/me', { password }).expect(204),
      ],
    ];

    it.each(cases)('when it %s, even if it was just used', async (_case, end) => {
      const owner = await newUser(app);
      const token = await newPersonalToken(owner);
      const secondInstance = await startApp({ DATABASE_URL: app.databaseUrl });
      try {
        const apis = [app.api.withToken(token.token), secondInstance.api.withToken(token.token)];
        for (const api of apis) await api.get('/tasks').expect(200);
        await end(token, owner);
        for (const api of apis)
          await api
            .get('/tasks')
            .expect(401)
            .expect('www-authenticate', /Bearer/);
      } finally {
        await secondInstance.close();
      }
    });
  });

  it.each([
    ['is unknown', `cairn_${'A'.repeat(43)}`],
    ['has no secret', 'cairn_'],
    ['has a blank secret', 'cairn_ '],
    ['is a hash', `cairn_${'0'.repeat(64)}`],
    ['is as long as a header may be', `cairn_${'A'.repeat(8000)}`],
  ])('is refused when it %s', async (_case, token) => {
    await app.api
      .withToken(token)
      .get('/tasks')
      .expect(401)
      .expect('www-authenticate', /Bearer/);
  });

  it('is refused as a refresh token, and beside another token', async () => {
    const { token } = await newPersonalToken(user);
    await app.api.post('/auth/refresh', { refresh_token: token }).expect(401);
    const response = await fetch(`${app.url}/api/v1/tasks`, {
      headers: [
        ['authorization', `Bearer ${token}`],
        ['authorization', `Bearer ${user.access_token}`],
      ],
    });
    expect(response.status).toBe(401);
  });

  it.each<[object, string, string]>([
    [{ name: undefined }, 'name', 'required'],
    [{ name: ' ' }, 'name', 'blank'],
    [{ name: 'x'.repeat(101) }, 'name', 'too_long'],
    [{ scopes: [] }, 'scopes', 'not_allowed'],
    [{ scopes: 'read' }, 'scopes', 'not_allowed'],
    [{ scopes: ['read', 'read'] }, 'scopes', 'not_allowed'],
    [{ scopes: ['admin'] }, 'scopes', 'not_allowed'],
    [{ scopes: [['read']] }, 'scopes', 'not_allowed'],
    [{ scopes: null }, 'scopes', 'required'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at', 'past'],
    [{ expires_at: null }, 'expires_at', 'invalid_date'],
    [{ expires_at: '2027-02-30' }, 'expires_at', 'invalid_date'],
    [{ user_id: '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3' }, 'user_id', 'unknown_field'],
    [{ token: 'mine' }, 'token', 'unknown_field'],
  ])('cannot be created with %j', async (fields, field, code) => {
    const { body } = await user.api
      .post('/auth/tokens', { name: 'x', scopes: ['read'], ...fields })
      .expect(422);
    expect((body as { errors: object[] }).errors).toEqual([
      { field, code, message: expect.any(String) as string },
    ]);
  });
});
