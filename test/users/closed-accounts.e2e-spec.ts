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
import { subjects, waitForMails } from '../setup/mailbox';

let app: TestApp;
let superuser: TestUser;
beforeAll(async () => {
  app = await startApp();
  superuser = await newUser(app);
  await app.database.query('UPDATE users SET is_superuser = true WHERE id = $1', [superuser.id]);
});
afterAll(() => app.close());

const day = 86_400_000;
const login = (email: string) => app.api.post('/auth/login', { email, password });
const reopen = (token: string) => app.api.post('/auth/account/reopen', { token });

/** A user with rows in most tables. */
async function newBusyUser(): Promise<TestUser> {
  const user = await newUser(app);
  const subgoal = await newGoal(user, { parent_goal_id: (await newGoal(user)).id });
  const task = await newTask(user, { goal_id: subgoal.id, tags: ['a'] });
  const subtask = await newTask(user, { parent_task_id: task.id });
  await user.api.put(`/tasks/${subtask.id}/dependencies/${(await newTask(user)).id}`).expect(204);
  await user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1 }).expect(201);
  await app.mailbox.take(user.email, subjects.verification);
  return user;
}

/** Expects that nothing of the account can be reached, with the tokens from before. */
async function expectUnreachable(user: TestUser, token: string): Promise<void> {
  await user.api.get('/users/me').expect(401);
  await user.api.get('/tasks').expect(401);
  await app.api.withToken(token).get('/tasks').expect(401);
  await app.api.post('/auth/refresh', { refresh_token: user.refresh_token }).expect(401);
}

/** Expects that no session or token from before is valid, and that a new sign-in shows the tasks. */
async function expectFreshStart(user: TestUser, token: string): Promise<void> {
  await expectUnreachable(user, token);
  const again = await signIn(app, user.email);
  expect(await ids(again, '/tasks')).toHaveLength(3);
  const { body } = await again.api.get('/users/me').expect(200);
  expect(body).toMatchObject({ is_active: true, deletion_at: null });
}

const mailsTo = (email: string, subject: RegExp) =>
  app.mailbox.mails.filter((mail) => mail.to?.[0]?.address === email && subject.test(mail.subject ?? ''));

/** Sets the scheduled deletion of a closed account to an hour ago. */
const makeDeletionDue = (id: string) =>
  app.database.query(`UPDATE users SET deletion_at = now() - interval '1 hour' WHERE id = $1`, [id]);

describe('an account that its user deletes', () => {
  it('is closed at once, given the password, and kept for 30 days', async () => {
    const user = await newBusyUser();
    const { token } = await newPersonalToken(user);
    await user.api.delete('/users/me', {}).expect(422);
    await user.api.delete('/users/me', { password, immediately: 'yes' }).expect(422);
    const refused = await user.api.delete('/users/me', { password: 'not this one' }).expect(403);
    expect(refused.body).toMatchObject({ code: 'wrong_password' });
    await user.api.get('/users/me').expect(200);

    const before = Date.now();
    await user.api.delete('/users/me', { password }).expect(204);
    await expectUnreachable(user, token);
    const wrong = await app.api
      .post('/auth/login', { email: user.email, password: 'not this one' })
      .expect(401);
    const right = await login(user.email).expect(401);
    expect({ ...(right.body as object), request_id: '' }).toEqual({
      ...(wrong.body as object),
      request_id: '',
    });
    const { body } = await superuser.api.get(`/users/${user.id}`).expect(200);
    const { is_active, deletion_at } = body as { is_active: boolean; deletion_at: string };
    expect(is_active).toBe(false);
    expect(Math.round((Date.parse(deletion_at) - before) / day)).toBe(30);
    expect(await countRowsMentioning(user.id)).toMatchObject({
      tasks: 3,
      goals: 2,
      time_entries: 1,
      users: 1,
    });
    const taken = await app.api.post('/auth/register', { email: user.email, password }).expect(409);
    expect(taken.body).toMatchObject({ code: 'email_taken' });
  });

  it('can be reopened by its user with the token from the mail, once', async () => {
    const user = await newBusyUser();
    const { token } = await newPersonalToken(user);
    await user.api.delete('/users/me', { password }).expect(204);
    const mail = await app.mailbox.take(user.email, subjects.closed);
    const inThirtyDays = new Date(Date.now() + 30 * day).toISOString().slice(0, 10);
    expect(mail.text).toContain(`\ndata on ${inThirtyDays}.\n`);
    const [, mailed] = /^Token: ([\w-]{43})$/m.exec(mail.text!)!;
    await app.api.post('/auth/email/verify', { token: mailed }).expect(422);
    await app.api
      .post('/auth/password/reset', { token: mailed, new_password: 'seven cold stones' })
      .expect(422);
    const responses = await Promise.all([reopen(mailed!), reopen(mailed!)]);
    expect(responses.map(({ status }) => status).sort()).toEqual([204, 422]);
    await expectFreshStart(user, token);
  });

  it('can be reopened with a mail that is requested later, until its deletion is due', async () => {
    const user = await newBusyUser();
    await user.api.delete('/users/me', { password }).expect(204);
    const first = await app.mailbox.takeToken(user.email, subjects.closed);
    await app.database.query(`UPDATE one_time_tokens SET expires_at = now() WHERE user_id = $1`, [user.id]);
    await reopen(first).expect(422);
    await app.api.post('/auth/account/reopening', { email: user.email.toUpperCase() }).expect(202);
    const second = await app.mailbox.takeToken(user.email, subjects.closed);
    await app.database.query(`UPDATE users SET deletion_at = now() + interval '1 hour' WHERE id = $1`, [
      user.id,
    ]);
    await reopen(second).expect(204);
    const again = await signIn(app, user.email);
    await again.api.delete('/users/me', { password }).expect(204);
    const third = await app.mailbox.takeToken(user.email, subjects.closed);
    await makeDeletionDue(user.id);
    await reopen(third).expect(422);
    await login(user.email).expect(401);
  });

  it('is not named by requests for a mail: open, unknown and closed accounts get the same response', async () => {
    const user = await newUser(app);
    const bodies = [];
    for (const email of [user.email, 'nobody@example.com']) {
      bodies.push((await app.api.post('/auth/account/reopening', { email }).expect(202)).body);
    }
    expect(bodies[0]).toEqual(bodies[1]);
    await waitForMails(app);
    expect(mailsTo(user.email, subjects.closed)).toEqual([]);
    await app.api.post('/auth/account/reopening', { email: 'nobody' }).expect(422);
    await reopen('unknown').expect(422);
  });

  it('can be reopened by a superuser', async () => {
    const user = await newBusyUser();
    const { token } = await newPersonalToken(user);
    await user.api.delete('/users/me', { password }).expect(204);
    const { body } = await superuser.api.patch(`/users/${user.id}`, { is_active: true }).expect(200);
    expect(body).toMatchObject({ is_active: true, deletion_at: null });
    await expectFreshStart(user, token);
    await reopen(await app.mailbox.takeToken(user.email, subjects.closed)).expect(422);
  });

  it('is not reopened by a password reset or a sign-in', async () => {
    const user = await newUser(app);
    await app.api.post('/auth/password/forgot', { email: user.email }).expect(202);
    const token = await app.mailbox.takeToken(user.email, subjects.reset);
    await user.api.delete('/users/me', { password }).expect(204);
    await app.api.post('/auth/password/reset', { token, new_password: 'seven cold stones' }).expect(422);
    await app.api.post('/auth/password/forgot', { email: user.email }).expect(202);
    await waitForMails(app);
    expect(mailsTo(user.email, subjects.reset)).toEqual([]);
    await login(user.email).expect(401);
  });

  it('is deleted with everything it owns when it asks for that, and its address can be used again at once', async () => {
    const [user, other] = [await newBusyUser(), await newBusyUser()];
    const before = await countRowsMentioning(other.id);
    await user.api.delete('/users/me', { password, immediately: true }).expect(204);
    await user.api.get('/users/me').expect(401);
    await superuser.api.get(`/users/${user.id}`).expect(404);
    await superuser.api.patch(`/users/${user.id}`, { is_active: true }).expect(404);
    expect((await app.mailbox.take(user.email, subjects.deleted)).text).toContain(
      'deleted with all its data',
    );
    const namesake = await newUser(app, { email: user.email });
    expect(await ids(namesake, '/tasks')).toEqual([]);
    await app.waitForPurge();
    expect(await countRowsMentioning(user.id)).toEqual({});
    expect(await countRowsMentioning(other.id)).toEqual(before);
  });

  it('loses its personal data in the statement that makes its deletion due', async () => {
    const user = await newUser(app);
    // Timestamps are rounded to milliseconds, up or down.
    for (let i = 0; i < 20; i++) {
      const { rows } = await app.database.query(
        'UPDATE users SET is_active = false, deletion_at = now() WHERE id = $1 RETURNING email',
        [user.id],
      );
      expect(rows).toEqual([{ email: `${user.id}@deleted` }]);
      await app.database.query('UPDATE users SET is_active = true, email = $2 WHERE id = $1', [
        user.id,
        user.email,
      ]);
    }
  });

  it('loses its personal data as soon as its deletion is due, even while its rows cannot be deleted', async () => {
    const user = await newUser(app, { username: 'forgotten', full_name: 'A name' });
    await newTask(user);
    await app.database.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'refused'; END $$;
      CREATE TRIGGER refuse BEFORE DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION refuse()`);
    try {
      await user.api.delete('/users/me', { password, immediately: true }).expect(204);
      await app.waitForPurge();
    } finally {
      await app.database.query('DROP FUNCTION refuse() CASCADE');
    }
    const { rows } = await app.database.query(
      'SELECT email, username, full_name, password_hash FROM users WHERE id = $1',
      [user.id],
    );
    expect(rows).toEqual([
      { email: `${user.id}@deleted`, username: null, full_name: null, password_hash: '$argon2id$' },
    ]);
    await newUser(app, { email: user.email, username: 'forgotten' });
  });

  it('is deleted without a wait with DELETED_USER_DAYS=0', async () => {
    const hasty = await startApp({ DELETED_USER_DAYS: '0', DATABASE_URL: app.databaseUrl });
    try {
      const user = await newUser(hasty);
      await user.api.delete('/users/me', { password }).expect(204);
      await hasty.waitForPurge();
      expect(await countRowsMentioning(user.id)).toEqual({});
      await hasty.mailbox.take(user.email, subjects.deleted);
    } finally {
      await hasty.close();
    }
  });

  it('is deleted completely while its user writes', async () => {
    const user = await newUser(app);
    const writes = Array.from({ length: 30 }, (_, i) => user.api.post('/tasks', { title: `Task ${i}` }));
    const changes = Array.from({ length: 10 }, (_, i) =>
      user.api.patch('/users/me', { full_name: `Name ${i}` }),
    );
    const deletion = user.api.delete('/users/me', { password, immediately: true }).expect(204);
    const responses = await Promise.all([...writes, ...changes, deletion]);
    for (const { status } of responses) expect([200, 201, 204, 401]).toContain(status);
    await app.waitForPurge();
    expect(await countRowsMentioning(user.id)).toEqual({});
  });
});

describe('an account that its user deactivates', () => {
  it('cannot be used until its user signs in', async () => {
    const user = await newBusyUser();
    const { token } = await newPersonalToken(user);
    await user.api.post('/users/me/deactivate', {}).expect(422);
    await user.api.post('/users/me/deactivate', { password: 'not this one' }).expect(403);
    await app.api.withToken(token).post('/users/me/deactivate', { password }).expect(403);
    await user.api.post('/users/me/deactivate', { password }).expect(204);
    await expectUnreachable(user, token);
    await app.api.post('/auth/login', { email: user.email, password: 'not this one' }).expect(401);
    const { body } = await superuser.api.get(`/users/${user.id}`).expect(200);
    expect(body).toMatchObject({ is_active: false, deletion_at: null });
    await expectFreshStart(user, token);
  });

  it('can be used again after a password reset', async () => {
    const user = await newUser(app);
    await user.api.post('/users/me/deactivate', { password }).expect(204);
    await app.api.post('/auth/password/forgot', { email: user.email }).expect(202);
    const token = await app.mailbox.takeToken(user.email, subjects.reset);
    const newPassword = 'seven cold stones';
    await app.api.post('/auth/password/reset', { token, new_password: newPassword }).expect(204);
    await app.api.post('/auth/login', { email: user.email, password: newPassword }).expect(200);
  });

  it('stays deactivated if a superuser deactivates it as well', async () => {
    const user = await newUser(app);
    await user.api.post('/users/me/deactivate', { password }).expect(204);
    await superuser.api.patch(`/users/${user.id}`, { is_active: false }).expect(200);
    await login(user.email).expect(401);
    await superuser.api.patch(`/users/${user.id}`, { is_active: true }).expect(200);
    await login(user.email).expect(200);
  });
});

describe('an account that a superuser deletes', () => {
  it('can be reopened only by a superuser', async () => {
    const user = await newBusyUser();
    const { token } = await newPersonalToken(user);
    await superuser.api.delete(`/users/${user.id}`).expect(204);
    await expectUnreachable(user, token);
    await app.api.post('/auth/account/reopening', { email: user.email }).expect(202);
    await waitForMails(app);
    expect(mailsTo(user.email, subjects.closed)).toEqual([]);
    await login(user.email).expect(401);
    await superuser.api.patch(`/users/${user.id}`, { is_active: true }).expect(200);
    await expectFreshStart(user, token);
  });

  it('can no longer be reopened by its user if the user closed it before', async () => {
    const user = await newUser(app);
    await user.api.delete('/users/me', { password }).expect(204);
    const token = await app.mailbox.takeToken(user.email, subjects.closed);
    await superuser.api.delete(`/users/${user.id}`).expect(204);
    await reopen(token).expect(422);
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
