import { startApp, TestApp } from '../setup/app';
import {
  ids,
  newGoal,
  newPersonalToken,
  newTask,
  newUser,
  password,
  signIn,
  TestUser,
} from '../setup/factories';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { runCommand } from '../setup/cli';
import { asRole, onDatabase } from '../setup/server';

let app: TestApp;
let superuser: TestUser;
beforeAll(async () => {
  app = await startApp();
  superuser = await newSuperuser();
});
afterAll(() => app.close());

async function newSuperuser(): Promise<TestUser> {
  const user = await newUser(app);
  await app.database.query('UPDATE users SET is_superuser = true WHERE id = $1', [user.id]);
  return user;
}

async function actsOn({ id }: { id: string }): Promise<object[]> {
  const { rows } = await app.database.query<object>(
    'SELECT actor_id, act FROM administrative_acts WHERE subject_id = $1 ORDER BY created_at, act',
    [id],
  );
  return rows;
}

describe('the first superuser', () => {
  const promote = (...args: string[]) =>
    runCommand(['user:promote', ...args], {
      DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
      JWT_SECRET_KEY: 'x'.repeat(32),
    });

  it('is promoted by a command, which is recorded', async () => {
    const user = await newUser(app, { email: 'first@example.com' });
    await user.api.get('/users').expect(403);
    expect(await promote('FIRST@example.com')).toEqual([
      0,
      'first@example.com is now a superuser and can manage all accounts.\n',
    ]);
    await user.api.get('/users').expect(200);
    expect(await actsOn(user)).toEqual([{ actor_id: null, act: 'promote' }]);
  });

  it('must already have an account', async () => {
    expect(await promote('nobody@example.com')).toEqual([
      1,
      'There is no account with the email address nobody@example.com.\n',
    ]);
    expect(await promote()).toEqual([
      1,
      expect.stringContaining('Usage: npm run cli -- user:promote [options] <email>\n'),
    ]);
  });
});

it('the schema owner can read the recorded acts', async () => {
  const user = await newUser(app);
  await superuser.api.delete(`/users/${user.id}`).expect(204);
  await onDatabase(asRole(app.databaseUrl, 'cairn_owner'), async (client) => {
    const { rows } = await client.query('SELECT act FROM administrative_acts WHERE subject_id = $1', [
      user.id,
    ]);
    expect(rows).toEqual([{ act: 'delete' }]);
  });
});

describe('the list of accounts', () => {
  it('returns all accounts page by page', async () => {
    for (let i = 0; i < 3; i++) await newUser(app);
    const { rows } = await app.database.query<{ id: string }>(
      'SELECT id FROM users ORDER BY created_at DESC, id DESC',
    );
    const all = rows.map(({ id }) => id);
    expect(await ids(superuser, '/users?limit=200')).toEqual(all);
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await superuser.api.get(`/users?limit=2&include=total${cursor}`).expect(200);
      const page = body as { items: { id: string }[]; next_cursor: string | null; total: number };
      expect(page.total).toBe(all.length);
      seen.push(...page.items.map(({ id }) => id));
      if (!page.next_cursor) break;
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(seen).toEqual(all);
  });

  it('can be filtered and sorted', async () => {
    const [walker, climber] = [
      await newUser(app, { email: 'walker_1@hills.example', full_name: 'Wide % Walker' }),
      await newUser(app, { email: 'climber@hills.example', username: 'climber' }),
    ];
    await app.database.query('UPDATE users SET is_active = false, is_verified = true WHERE id = $1', [
      climber.id,
    ]);
    const list = (query: string) => ids(superuser, `/users?${query}`);
    expect(await list('q=hills.example&sort=email')).toEqual([climber.id, walker.id]);
    expect(await list('q=HILLS.example&sort=-email')).toEqual([walker.id, climber.id]);
    expect(await list('q=er_1')).toEqual([walker.id]);
    expect(await list('q=%25')).toEqual([walker.id]);
    expect(await list('q=hills.example&is_active=false')).toEqual([climber.id]);
    expect(await list('q=hills.example&is_verified=false')).toEqual([walker.id]);
    expect(await list('is_superuser=true&q=hills')).toEqual([]);
    expect(await list('q=hills.example&created_from=2020-01-01&created_before=2021-01-01')).toEqual([]);
    expect(await list('q=hills.example&last_login_from=2020-01-01&sort=last_login_at')).toEqual([
      walker.id,
      climber.id,
    ]);
    for (const invalid of [
      'is_active=yes',
      'sort=password_hash',
      'sort=is_active',
      'user_id=x',
      'limit=201',
      'cursor=x',
    ]) {
      await superuser.api.get(`/users?${invalid}`).expect(422);
    }
  });

  it('shows the same fields that users see of themselves', async () => {
    const user = await newUser(app);
    const own = (await user.api.get('/users/me').expect(200)).body as object;
    expect((await superuser.api.get(`/users/${user.id}`).expect(200)).body).toEqual(own);
  });
});

describe('the account of another user', () => {
  it('loses its sessions and tokens when it is deactivated, and needs a new sign-in when activated again', async () => {
    const user = await newUser(app);
    const { token } = await newPersonalToken(user);
    const task = await newTask(user);
    const { body } = await superuser.api.patch(`/users/${user.id}`, { is_active: false }).expect(200);
    expect(body).toMatchObject({ id: user.id, is_active: false });
    await user.api.get('/tasks').expect(401);
    await app.api.withToken(token).get('/tasks').expect(401);
    await app.api.post('/auth/refresh', { refresh_token: user.refresh_token }).expect(401);
    await app.api.post('/auth/login', { email: user.email, password }).expect(401);

    await superuser.api.patch(`/users/${user.id}`, { is_active: true }).expect(200);
    await user.api.get('/tasks').expect(401);
    await app.api.withToken(token).get('/tasks').expect(401);
    await app.api.post('/auth/refresh', { refresh_token: user.refresh_token }).expect(401);
    expect(await ids(await signIn(app, user.email), '/tasks')).toEqual([task.id]);
    expect(await actsOn(user)).toEqual([
      { actor_id: superuser.id, act: 'deactivate' },
      { actor_id: superuser.id, act: 'activate' },
    ]);
  });

  it('has no valid session from a sign-in that ran while it was deactivated', async () => {
    const user = await newUser(app);
    const [, ...logins] = await Promise.all([
      superuser.api.patch(`/users/${user.id}`, { is_active: false }).expect(200),
      ...Array.from({ length: 6 }, () => app.api.post('/auth/login', { email: user.email, password })),
    ]);
    await superuser.api.patch(`/users/${user.id}`, { is_active: true }).expect(200);
    for (const { status, body } of logins) {
      if (status !== 200) continue;
      await app.api
        .withToken((body as { access_token: string }).access_token)
        .get('/tasks')
        .expect(401);
    }
  });

  it('is promoted and demoted, and only actual changes are recorded', async () => {
    const user = await newUser(app);
    await superuser.api.patch(`/users/${user.id}`, { is_superuser: true }).expect(200);
    await user.api.get('/users').expect(200);
    await superuser.api.patch(`/users/${user.id}`, { is_superuser: false, is_active: true }).expect(200);
    await user.api.get('/users').expect(403);
    expect(await actsOn(user)).toEqual([
      { actor_id: superuser.id, act: 'promote' },
      { actor_id: superuser.id, act: 'demote' },
    ]);
  });

  it('loses only its sessions when they are revoked', async () => {
    const user = await newUser(app);
    await superuser.api.delete(`/users/${user.id}/sessions`).expect(204);
    await user.api.get('/tasks').expect(401);
    await signIn(app, user.email);
    expect(await actsOn(user)).toEqual([{ actor_id: superuser.id, act: 'revoke_sessions' }]);
  });

  it('is closed, and deleted immediately on request with everything except the recorded acts', async () => {
    const user = await newUser(app);
    await newTask(user, { goal_id: (await newGoal(user)).id });
    await newPersonalToken(user);
    await superuser.api.delete(`/users/${user.id}`).expect(204);
    const closed = await superuser.api.get(`/users/${user.id}`).expect(200);
    expect(closed.body).toMatchObject({ is_active: false, deletion_at: expect.any(String) as string });
    await superuser.api.delete(`/users/${user.id}`).expect(204);
    expect((await superuser.api.get(`/users/${user.id}`).expect(200)).body).toEqual(closed.body);
    expect(await actsOn(user)).toEqual([{ actor_id: superuser.id, act: 'delete' }]);
    await superuser.api.delete(`/users/${user.id}`, { immediately: true }).expect(204);
    await superuser.api.get(`/users/${user.id}`).expect(404);
    await app.waitForPurge();
    for (const table of ['tasks', 'goals', 'sessions', 'personal_tokens', 'one_time_tokens']) {
      const { rowCount } = await app.database.query(`SELECT FROM ${table} WHERE user_id = $1`, [user.id]);
      expect([table, rowCount]).toEqual([table, 0]);
    }
    await superuser.api.delete(`/users/${user.id}`).expect(404);
    await superuser.api.patch(`/users/${user.id}`, { is_active: false }).expect(404);
    await superuser.api.delete(`/users/${user.id}/sessions`).expect(404);
    expect(await actsOn(user)).toHaveLength(2);
  });

  it('is closed and recorded once by parallel requests', async () => {
    const user = await newUser(app);
    const unblock = await blockWrites(app, 'INSERT ON administrative_acts');
    const deletions = Promise.all(Array.from({ length: 3 }, () => superuser.api.delete(`/users/${user.id}`)));
    // The third one waits in the queue of the superuser.
    await waitForLockWaits(app, 2);
    await unblock();
    const responses = await deletions;
    expect(responses.map(({ status }) => status).sort()).toEqual([204, 204, 204]);
    expect(await actsOn(user)).toEqual([{ actor_id: superuser.id, act: 'delete' }]);
  });

  it('keeps one superuser when two demote each other', async () => {
    const [first, second] = [await newSuperuser(), await newSuperuser()];
    const unblock = await blockWrites(app, 'UPDATE OF is_superuser ON users');
    const demotions = Promise.all([
      first.api.patch(`/users/${second.id}`, { is_superuser: false }),
      second.api.patch(`/users/${first.id}`, { is_superuser: false }),
    ]);
    await waitForLockWaits(app, 2);
    await unblock();
    expect((await demotions).map(({ status }) => status).sort()).toEqual([200, 403]);
  });

  it('is not changed by refused updates, which are not recorded', async () => {
    const user = await newUser(app);
    const before = (await user.api.get('/users/me').expect(200)).body as object;
    for (const changes of [
      { full_name: 'x' },
      { email: 'x@example.com', current_password: password },
      { is_active: false, timezone: 'Europe/Paris' },
      { is_verified: true },
      { password_hash: 'x' },
      { is_active: null },
      { is_active: 'false' },
      { is_superuser: 1 },
    ]) {
      await superuser.api.patch(`/users/${user.id}`, changes).expect(422);
    }
    await superuser.api.patch(`/users/${user.id}`, {}).expect(200);
    await superuser.api.get('/users/nobody').expect(422);
    expect((await user.api.get('/users/me').expect(200)).body).toEqual(before);
    expect(await actsOn(user)).toEqual([]);
  });

  it('has tasks and goals that no superuser can see', async () => {
    const user = await newUser(app);
    const [task, goal] = [await newTask(user), await newGoal(user)];
    for (const path of [`/tasks/${task.id}`, `/goals/${goal.id}`, `/goals/${goal.id}/tasks`]) {
      await superuser.api.get(path).expect(404);
    }
    for (const path of [
      `/users/${user.id}/tasks`,
      `/users/${user.id}/goals`,
      `/users/${user.id}/tasks/${task.id}`,
    ]) {
      await superuser.api.get(path).expect(403);
    }
    await superuser.api.post(`/users/${user.id}/tasks`, { title: 'x' }).expect(403);
    expect(await ids(superuser, '/tasks')).toEqual([]);
  });
});

describe('the own account of a superuser or user', () => {
  it('cannot be deactivated, promoted or demoted by its user', async () => {
    const user = await newUser(app);
    for (const account of [user, superuser]) {
      for (const rights of [{ is_active: false }, { is_superuser: true }, { is_superuser: false }]) {
        for (const path of [`/users/${account.id}`, '/users/me']) {
          const { body } = await account.api.patch(path, rights).expect(422);
          expect(body).toMatchObject({ errors: [{ code: 'unknown_field' }] });
        }
      }
    }
    await user.api.get('/users').expect(403);
    await superuser.api.get('/users').expect(200);
  });

  it('can be read, updated and deleted by id as well', async () => {
    const user = await newUser(app);
    await user.api.get(`/users/${user.id.toUpperCase()}`).expect(200);
    await user.api.patch(`/users/${user.id}`, { full_name: 'Own' }).expect(200);
    const other = await signIn(app, user.email);
    await user.api.delete(`/users/${user.id}/sessions`).expect(204);
    await other.api.get('/tasks').expect(401);
    await user.api.get('/tasks').expect(200);
    await user.api.delete(`/users/${user.id}`).expect(422);
    await user.api.delete(`/users/${user.id}`, { password: 'not this one' }).expect(403);
    await user.api.delete(`/users/${user.id}`, { password }).expect(204);
    expect(await actsOn(user)).toEqual([]);
  });
});

it('users without rights get the same 403 for every account id', async () => {
  const [user, other] = [await newUser(app), await newUser(app)];
  const bodies: object[] = [];
  for (const id of [other.id, '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3', 'nobody']) {
    for (const call of [
      () => user.api.get(`/users/${id}`),
      () => user.api.patch(`/users/${id}`, { is_active: false }),
      () => user.api.delete(`/users/${id}`),
      () => user.api.delete(`/users/${id}/sessions`),
    ]) {
      bodies.push({ ...((await call().expect(403)).body as object), request_id: '', instance: '' });
    }
  }
  bodies.push({
    ...((await user.api.get('/users').expect(403)).body as object),
    request_id: '',
    instance: '',
  });
  for (const body of bodies) expect(body).toEqual(bodies[0]);
  await app.api.get('/users').expect(401);
  await other.api.get('/tasks').expect(200);
});

it('a superuser who is demoted, or whose session is revoked, loses access with the next request', async () => {
  const [former, ended, user] = [await newSuperuser(), await newSuperuser(), await newUser(app)];
  await former.api.get('/users').expect(200);
  await superuser.api.patch(`/users/${former.id}`, { is_superuser: false }).expect(200);
  await former.api.patch(`/users/${user.id}`, { is_active: false }).expect(403);
  await superuser.api.delete(`/users/${ended.id}/sessions`).expect(204);
  await ended.api.patch(`/users/${user.id}`, { is_active: false }).expect(401);
  await user.api.get('/tasks').expect(200);
});
