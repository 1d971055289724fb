import { startApp, TestApp } from '../setup/app';
import { subjects } from '../setup/mailbox';
import { newGoal, newTask, newUser, password, signIn } from '../setup/factories';

let app: TestApp;
beforeAll(async () => (app = await startApp()));
afterAll(() => app.close());

describe('the account of the current user', () => {
  it('can be read and updated at /users/me and by id', async () => {
    const user = await newUser(app);
    for (const path of ['/users/me', `/users/${user.id}`, `/users/${user.id.toUpperCase()}`]) {
      await user.api
        .get(path)
        .expect(200)
        .expect(({ body }) => expect(body).toMatchObject({ id: user.id, email: user.email }));
    }
    const changes = { username: 'pebble', full_name: 'Über 石 🪨 مرحبا', timezone: 'America/Los_Angeles' };
    const { body } = await user.api.patch(`/users/${user.id}`, changes).expect(200);
    expect(body).toMatchObject(changes);
    await user.api.patch('/users/me', { full_name: null }).expect(200);
    const after = (await user.api.get('/users/me').expect(200)).body as object;
    expect(after).toMatchObject({ username: 'pebble', full_name: null, timezone: 'America/Los_Angeles' });
  });

  it('is not changed by refused updates', async () => {
    const [user, other] = [await newUser(app), await newUser(app, { username: 'taken' })];
    const before = (await user.api.get('/users/me').expect(200)).body as object;
    await user.api.patch('/users/me', { username: 'Taken' }).expect(409);
    for (const changes of [
      { email: 'new@example.com' },
      { id: other.id },
      { is_superuser: true },
      { is_active: false },
      { password_hash: 'x' },
      { created_at: '2020-01-01' },
      { timezone: null },
      { timezone: 'nowhere' },
      { full_name: 'x'.repeat(201) },
    ]) {
      await user.api.patch('/users/me', changes).expect(422);
    }
    expect((await user.api.get('/users/me').expect(200)).body).toEqual(before);
  });

  it('keeps updated_at when an update changes nothing', async () => {
    const user = await newUser(app, { full_name: 'Same' });
    const before = (await user.api.get('/users/me').expect(200)).body as object;
    for (const changes of [{}, { full_name: 'Same' }]) {
      expect((await user.api.patch('/users/me', changes).expect(200)).body).toEqual(before);
    }
  });

  it('keeps updated_at when the user signs in, also if that replaces the hash, or changes the password', async () => {
    const user = await newUser(app);
    const costlier = await startApp({ DATABASE_URL: app.databaseUrl, ARGON2_TIME_COST: '3' });
    try {
      const before = (await user.api.get('/users/me').expect(200)).body as {
        updated_at: string;
        last_login_at: string;
      };
      const again = await signIn(app, user.email);
      const rehashed = await signIn(costlier, user.email);
      const change = { current_password: password, new_password: 'another pile of flat stones' };
      await again.api.post('/auth/password', change).expect(204);
      const { body } = await again.api.get('/users/me').expect(200);
      expect(body).toEqual({ ...before, last_login_at: expect.any(String) as string });
      expect((body as typeof before).last_login_at > before.last_login_at).toBe(true);
      expect(rehashed.id).toBe(user.id);
      const changed = await again.api.patch('/users/me', { full_name: 'Changed' }).expect(200);
      expect((changed.body as typeof before).updated_at > before.updated_at).toBe(true);
    } finally {
      await costlier.close();
    }
  });

  it('is deleted with everything it owns, given the password', async () => {
    const [user, other] = [await newUser(app), await newUser(app)];
    const goal = await newGoal(user);
    const subgoal = await newGoal(user, { parent_goal_id: goal.id });
    const task = await newTask(user, { goal_id: subgoal.id });
    await newTask(user, { parent_task_id: task.id });
    await newTask(other);
    for (const { email } of [user, other]) await app.mailbox.take(email, subjects.verification);
    await signIn(app, user.email);

    await user.api.delete('/users/me', {}).expect(422);
    const refused = await user.api.delete('/users/me', { password: 'not this one' }).expect(403);
    expect(refused.body).toMatchObject({ code: 'wrong_password' });
    await user.api.get('/users/me').expect(200);

    await user.api.delete('/users/me', { password }).expect(204);
    await user.api.get('/users/me').expect(401);
    await app.api.post('/auth/login', { email: user.email, password }).expect(401);
    await app.api.post('/auth/refresh', { refresh_token: user.refresh_token }).expect(401);
    expect(await countRowsMentioning(user.id)).toEqual({});
    expect(await countRowsMentioning(other.id)).toEqual({
      changes: 1,
      one_time_tokens: 1,
      sessions: 1,
      tasks: 1,
      users: 1,
    });
  });

  it('is deleted completely while its user writes', async () => {
    const user = await newUser(app);
    const writes = Array.from({ length: 30 }, (_, i) => user.api.post('/tasks', { title: `Task ${i}` }));
    const changes = Array.from({ length: 10 }, (_, i) =>
      user.api.patch('/users/me', { full_name: `Name ${i}` }),
    );
    const deletion = user.api.delete('/users/me', { password }).expect(204);
    const statuses = new Set(
      (await Promise.all([...writes, ...changes, deletion])).map(({ status }) => status),
    );
    for (const status of statuses) expect([200, 201, 204, 401]).toContain(status);
    expect(await countRowsMentioning(user.id)).toEqual({});
  });
});

/** The number of rows in each table that contain the user's id in any column. */
async function countRowsMentioning(userId: string): Promise<Record<string, number>> {
  const { rows: tables } = await app.database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const { rows } = await app.database.query<{ count: number }>(
      `SELECT count(*)::int FROM ${name} t WHERE to_jsonb(t)::text LIKE '%' || $1 || '%'`,
      [userId],
    );
    if (rows[0]!.count) counts[name] = rows[0]!.count;
  }
  return counts;
}
