import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, TestApp } from '../setup/app';
import { newGoal, newTask, newUser, password } from '../setup/factories';
import { waitForLockWaits } from '../setup/locks';
import { Mailbox, subjects, waitForMails } from '../setup/mailbox';
import { asRole } from '../setup/server';
import { runNode } from '../setup/processes';
import { copyProject } from '../setup/project-copy';

let app: TestApp;
beforeAll(async () => (app = await startApp()));
afterAll(() => app.close());

const verify = (token: string) => app.api.post('/auth/email/verify', { token });

describe('verification of the email address', () => {
  it('is requested by mail at registration, and accepts its token once', async () => {
    const user = await newUser(app);
    const mail = await app.mailbox.take(user.email, subjects.verification);
    expect(mail.from).toEqual({ name: 'Cairn', address: 'cairn@localhost' });
    const [, token] = /^Token: ([\w-]{43})$/m.exec(mail.text!)!;
    await verify(token!).expect(204);
    const { body } = await user.api.get('/users/me').expect(200);
    expect(body).toMatchObject({ is_verified: true, email_verified_at: expect.any(String) as string });
    await verify(token!).expect(422);
  });

  it('can be requested again, and sends nothing for a verified address', async () => {
    const user = await newUser(app);
    const first = await app.mailbox.takeToken(user.email, subjects.verification);
    await user.api.post('/auth/email/verification').expect(202);
    const second = await app.mailbox.takeToken(user.email, subjects.verification);
    const responses = await Promise.all([verify(second), verify(second)]);
    expect(responses.map(({ status }) => status).sort()).toEqual([204, 422]);
    await verify(first).expect(422);
    await user.api.post('/auth/email/verification').expect(202);
    await waitForMails(app);
    expect(app.mailbox.mails.filter(({ to }) => to?.[0]?.address === user.email)).toEqual([]);
    await app.api.post('/auth/email/verification').expect(401);
  });

  it('sends links to the front end when APP_URL is set', async () => {
    const other = await startApp({
      APP_URL: 'https://app.example.com/',
      MAIL_FROM: 'Hills <no-reply@hills.example>',
    });
    try {
      const user = await newUser(other);
      const { text, from } = await other.mailbox.take(user.email, subjects.verification);
      expect(text).toMatch(/^https:\/\/app\.example\.com\/verify-email#token=[\w-]{43}$/m);
      expect(from).toEqual({ name: 'Hills', address: 'no-reply@hills.example' });
    } finally {
      await other.close();
    }
  });

  it('is required for tasks and goals with REQUIRE_EMAIL_VERIFICATION', async () => {
    const strict = await startApp({ REQUIRE_EMAIL_VERIFICATION: 'true' });
    try {
      const user = await newUser(strict);
      for (const call of [
        () => user.api.get('/tasks'),
        () => user.api.post('/tasks', { title: 'x' }),
        () => user.api.get(`/users/${user.id}/goals`),
        () => user.api.post('/goals', { title: 'x' }),
        () => user.api.delete('/tasks/01a1fc21-db47-72db-b5fb-cb2dbd3c58f3'),
      ]) {
        const { body } = await call().expect(403);
        expect(body).toMatchObject({ code: 'email_not_verified' });
      }
      await user.api.get('/users/me').expect(200);
      await user.api.get('/auth/sessions').expect(200);
      await user.api.get('/users/me/export').expect(200);
      const token = await strict.mailbox.takeToken(user.email, subjects.verification);
      await strict.api.post('/auth/email/verify', { token }).expect(204);
      await newTask(user, { goal_id: (await newGoal(user)).id });
      await user.api
        .patch('/users/me', { email: 'moved@example.com', current_password: password })
        .expect(200);
      await user.api.get('/tasks').expect(403);
    } finally {
      await strict.close();
    }
  });
});

describe('changing the email address', () => {
  it('requires the password and a new verification, and revokes other sessions and mailed tokens', async () => {
    const user = await newUser(app);
    const { body: login } = await app.api.post('/auth/login', { email: user.email, password }).expect(200);
    const other = app.api.withToken((login as { access_token: string }).access_token);
    await verify(await app.mailbox.takeToken(user.email, subjects.verification)).expect(204);
    await app.api.post('/auth/password/forgot', { email: user.email }).expect(202);
    const reset = await app.mailbox.takeToken(user.email, subjects.reset);

    await user.api.patch('/users/me', { email: 'newer@example.com' }).expect(422);
    await user.api.patch('/users/me', { current_password: password }).expect(422);
    await user.api
      .patch('/users/me', { email: 'newer@example.com', current_password: 'not this one' })
      .expect(403);
    await other.get('/tasks').expect(200);

    const changes = { email: 'NEWER@example.com', current_password: password, full_name: 'Newer' };
    const { body } = await user.api.patch('/users/me', changes).expect(200);
    expect(body).toMatchObject({
      email: 'newer@example.com',
      full_name: 'Newer',
      is_verified: false,
      email_verified_at: null,
    });
    await other.get('/tasks').expect(401);
    await user.api.get('/tasks').expect(200);
    const token = await app.mailbox.takeToken('newer@example.com', subjects.verification);
    await app.mailbox.take(user.email, subjects.emailChanged);
    await app.api
      .post('/auth/password/reset', { token: reset, new_password: 'a cairn of other stones' })
      .expect(422);
    await verify(token).expect(204);
    await app.api.post('/auth/login', { email: user.email, password }).expect(401);
    await app.api.post('/auth/login', { email: 'newer@example.com', password }).expect(200);
  });

  it('revokes a session that is created at the same time', async () => {
    const user = await newUser(app);
    const client = await app.database.connect();
    try {
      // The statements of a sign-in that has not been committed.
      await client.query('BEGIN');
      await client.query('UPDATE users SET last_login_at = now() WHERE id = $1', [user.id]);
      await client.query(
        `INSERT INTO sessions (user_id, id, expires_at) VALUES ($1, gen_random_uuid(), now() + interval '1 day')`,
        [user.id],
      );
      const change = user.api
        .patch('/users/me', { email: `moved-${user.email}`, current_password: password })
        .expect(200)
        .then();
      await waitForLockWaits(app, 1);
      await client.query('COMMIT');
      await change;
    } finally {
      client.release();
    }
    const { rows } = await app.database.query(
      'SELECT count(*)::int AS alive FROM sessions WHERE user_id = $1 AND revoked_at IS NULL',
      [user.id],
    );
    expect(rows).toEqual([{ alive: 1 }]);
  });

  it('changes nothing when the address is taken or the same', async () => {
    const [user, other] = [await newUser(app), await newUser(app, { username: 'stayer' })];
    for (const [changes, code] of [
      [{ email: other.email, full_name: 'Half' }, 'email_taken'],
      [{ email: 'free@example.com', username: 'Stayer', full_name: 'Half' }, 'username_taken'],
    ] as const) {
      const { body } = await user.api
        .patch('/users/me', { ...changes, current_password: password })
        .expect(409);
      expect(body).toMatchObject({ code });
    }
    await verify(await app.mailbox.takeToken(user.email, subjects.verification)).expect(204);
    const { body } = await user.api
      .patch('/users/me', { email: user.email.toUpperCase(), current_password: password })
      .expect(200);
    expect(body).toMatchObject({ email: user.email, full_name: null, is_verified: true });
  });
});

describe('the mail server', () => {
  it('gets a mail again after it was busy, also from another instance', async () => {
    app.mailbox.isBusy = true;
    const user = await newUser(app);
    await app.mailbox.waitForRefusal(user.email);
    expect(app.mailbox.mails.filter(({ to }) => to?.[0]?.address === user.email)).toEqual([]);
    app.mailbox.isBusy = false;
    await app.database.query('UPDATE mails SET due_at = now()');
    const other = await startApp({ DATABASE_URL: app.databaseUrl, SMTP_URL: app.mailbox.url });
    try {
      await verify(await app.mailbox.takeToken(user.email, subjects.verification)).expect(204);
      await waitForMails(app);
    } finally {
      await other.close();
    }
  });

  it('gets a mail only once when it refuses the address', async () => {
    await newUser(app, { email: 'refused@example.com' });
    await app.mailbox.waitForRefusal('refused@example.com');
    await waitForMails(app);
  });

  it('does not delay requests when it is unreachable', async () => {
    const closed = await Mailbox.open();
    const { port } = new URL(closed.url);
    await closed.close();
    const other = await startApp({ SMTP_URL: `smtp://127.0.0.1:${port}` });
    try {
      const user = await newUser(other);
      await other.api.post('/auth/password/forgot', { email: user.email }).expect(202);
      await user.api.get('/tasks').expect(200);
      const { rows } = await other.database.query('SELECT kind FROM mails ORDER BY id');
      expect(rows).toEqual([{ kind: 'verify_email' }, { kind: 'reset_password' }]);
    } finally {
      await other.close();
    }
  });

  it.each(['a"b@example.com', 'a@example.com\r\nBcc: b@example.com', 'a@example.com,b@example.com'])(
    'gets no mail to the invalid address %j',
    async (email) => {
      await app.api.post('/auth/register', { email, password }).expect(422);
      await app.api.post('/auth/password/forgot', { email }).expect(422);
    },
  );
});

it('mails are written to files that the log names, without a mail server in development', async () => {
  const folder = copyProject();
  try {
    const run = runNode(
      ['src/main.ts'],
      {
        DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
        JWT_SECRET_KEY: 'x'.repeat(32),
        PORT: '0',
      },
      folder,
    );
    const [, url] = await run.waitForOutput(/Documentation: (http:\/\/\S+)\/docs/);
    await fetch(`${url}/api/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'file@example.com', password }),
    });
    const [, file] = await run.waitForOutput(/Email written to (\S+\.eml)/);
    const mail = readFileSync(join(folder, file!), 'utf8');
    expect(mail).toMatch(/^To: file@example\.com$/m);
    const [, token] = /^Token: ([\w-]{43})$/m.exec(mail)!;
    expect(statSync(join(folder, file!)).mode & 0o777).toBe(0o600);
    expect(run.output()).not.toContain(token);
    await verify(token!).expect(204);
    run.process.kill();
    expect(await run.ended).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
