import { startApp, TestApp } from '../setup/app';
import { newUser, password, signIn } from '../setup/factories';

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
});
