import { availableParallelism } from 'node:os';
import { startApp, TestApp } from '../setup/app';
import { newPersonalToken, newUser, password, signIn, TestUser } from '../setup/factories';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { subjects } from '../setup/mailbox';

let app: TestApp;
beforeAll(async () => (app = await startApp()));
afterAll(() => app.close());

const newPassword = 'a cairn of even more stones';
const login = (email: string, triedPassword: string) =>
  app.api.post('/auth/login', { email, password: triedPassword });
const refresh = (refreshToken: string) => app.api.post('/auth/refresh', { refresh_token: refreshToken });

async function hashOf(user: TestUser): Promise<string> {
  const { rows } = await app.database.query<{ password_hash: string }>(
    'SELECT password_hash FROM users WHERE id = $1',
    [user.id],
  );
  return rows[0]!.password_hash;
}

/** Requests a mail for a forgotten password. @returns the token in it */
async function requestResetToken(email: string): Promise<string> {
  await app.api.post('/auth/password/forgot', { email }).expect(202);
  return app.mailbox.takeToken(email, subjects.reset);
}

const reset = (token: string, chosenPassword = newPassword) =>
  app.api.post('/auth/password/reset', { token, new_password: chosenPassword });

describe('a weak password', () => {
  const names = { email: 'wanda.walker@hills.example', username: 'wandering', full_name: 'Wanda Walker' };
  const guessable: [string, string][] = [
    ['password123', 'too_common'],
    ['PassWord123', 'too_common'],
    ['ｐassword123', 'too_common'],
    ['qwertyuiop', 'too_common'],
    ['wanda.walker@hills.example', 'too_personal'],
    ['wandering', 'too_personal'],
    ['WandaWalker2026', 'too_personal'],
    ['walker-hills', 'too_personal'],
    ['cairncairn1', 'too_personal'],
  ];

  it.each(guessable)('such as %s is refused at registration', async (weakPassword, code) => {
    const { body } = await app.api.post('/auth/register', { ...names, password: weakPassword }).expect(422);
    const error = { field: 'password', code, message: expect.any(String) as string };
    expect((body as { errors: object[] }).errors).toEqual([error]);
  });

  it('is refused for a change and for a reset, which leaves the token valid', async () => {
    const user = await newUser(app, names);
    const token = await requestResetToken(user.email);
    for (const [guess, code] of guessable) {
      for (const response of [
        await user.api
          .post('/auth/password', { current_password: password, new_password: guess })
          .expect(422),
        await reset(token, guess).expect(422),
      ]) {
        expect(response.body).toMatchObject({ errors: [{ field: 'new_password', code }] });
      }
    }
    await login(user.email, password).expect(200);
    await reset(token).expect(204);
  });

  it.each([
    ['spaces', ' '.repeat(8)],
    ['invisible characters', '\u200b'.repeat(8)],
    ['six characters with combining accents', 'e\u0301'.repeat(6)],
  ])('is too short when it consists of %s', async (_case, shortPassword) => {
    const { body } = await app.api.post('/auth/register', { ...names, password: shortPassword }).expect(422);
    expect(body).toMatchObject({ errors: [{ field: 'password', code: 'too_short' }] });
  });

  it('is not one that merely contains common or personal words', async () => {
    for (const [index, strongPassword] of [
      'walker of seven hills',
      'wanda&7Kx!q2',
      ' password ',
      '🪨'.repeat(8),
    ].entries()) {
      const email = `wanda.walker${index}@hills.example`;
      await app.api
        .post('/auth/register', { ...names, username: null, email, password: strongPassword })
        .expect(201);
      await login(email, strongPassword).expect(200);
    }
  });
});

it('a password is compared to its 256th character, in any Unicode form', async () => {
  const [email, long] = ['long@example.com', `${'ö'.repeat(255)}é`];
  await app.api.post('/auth/register', { email, password: long }).expect(201);
  await login(email, long.normalize('NFD')).expect(422); // 512 characters
  await login(email, `${'ö'.repeat(255)}e`).expect(401);
  await login(email, long).expect(200);
  await app.api.post('/auth/register', { email: 'short@example.com', password: 'Käse und Öl' }).expect(201);
  await login('short@example.com', 'Käse und Öl'.normalize('NFD')).expect(200);
});

it('a password that is too long is refused before it is hashed', async () => {
  await login('short@example.com', 'x'.repeat(257)).expect(422);
  await login('short@example.com', 'x'.repeat(1024 * 1024)).expect(413);
});

it('a hash with other cost parameters is replaced at the next sign-in, even by several at once', async () => {
  const user = await newUser(app);
  const costlier = await startApp({ DATABASE_URL: app.databaseUrl, ARGON2_TIME_COST: '3' });
  try {
    const before = await hashOf(user);
    expect(before).toContain('t=2');
    await costlier.api.post('/auth/login', { email: user.email, password: 'not this one' }).expect(401);
    expect(await hashOf(user)).toBe(before);
    const logins = Array.from({ length: 4 }, () =>
      costlier.api.post('/auth/login', { email: user.email, password }),
    );
    expect((await Promise.all(logins)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const after = await hashOf(user);
    expect(after).toContain('t=3');
    await costlier.api.post('/auth/login', { email: user.email, password }).expect(200);
    expect(await hashOf(user)).toBe(after);
  } finally {
    await costlier.close();
  }
});

it('excess sign-ins return 503 with Retry-After while other requests succeed', async () => {
  const slow = await startApp({ ARGON2_TIME_COST: '8', DATABASE_POOL_SIZE: '40' });
  try {
    const user = await newUser(slow);
    const count = 9 * availableParallelism() + 60;
    const logins = Promise.all(
      Array.from({ length: count }, () => slow.api.post('/auth/login', { email: user.email, password })),
    );
    const others = await Promise.all([slow.api.get('//health'), user.api.get('/tasks')]);
    expect(others.map(({ status }) => status)).toEqual([200, 200]);
    const responses = await logins;
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200, 503]));
    const refused = responses.find(({ status }) => status === 503)!;
    expect(refused.headers).toMatchObject({ 'retry-after': '1' });
    expect(refused.body).toMatchObject({ code: 'unavailable' });
    await slow.api.post('/auth/login', { email: user.email, password }).expect(200);
  } finally {
    await slow.close();
  }
});

describe('changing the password', () => {
  it('requires the current password', async () => {
    const user = await newUser(app);
    const { body } = await user.api
      .post('/auth/password', { current_password: 'not this one', new_password: newPassword })
      .expect(403);
    expect(body).toMatchObject({ code: 'wrong_password' });
    await user.api.post('/auth/password', { new_password: newPassword }).expect(422);
    await login(user.email, password).expect(200);
  });

  it('revokes all other sessions, keeps this one and personal access tokens, and sends a mail', async () => {
    const user = await newUser(app);
    const other = await signIn(app, user.email);
    const { token } = await newPersonalToken(user);
    const mailed = await requestResetToken(user.email);
    await user.api
      .post('/auth/password', { current_password: password, new_password: newPassword })
      .expect(204);
    await other.api.get('/tasks').expect(401);
    await refresh(other.refresh_token).expect(401);
    await user.api.get('/tasks').expect(200);
    await refresh(user.refresh_token).expect(200);
    await app.api.withToken(token).get('/tasks').expect(200);
    await login(user.email, password).expect(401);
    await login(user.email, newPassword).expect(200);
    await reset(mailed).expect(422);
    await app.mailbox.take(user.email, subjects.passwordChanged);
  });

  it('refuses a sign-in that compared the old password', async () => {
    const user = await newUser(app);
    const client = await app.database.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [user.id]);
      const pendingLogin = login(user.email, password).then();
      await waitForLockWaits(app, 1);
      await client.query('UPDATE users SET password_hash = password_hash || $2 WHERE id = $1', [
        user.id,
        'x',
      ]);
      await client.query('COMMIT');
      expect((await pendingLogin).status).toBe(401);
    } finally {
      client.release();
    }
  });

  it('leaves no other valid session when users sign in or refresh at the same time', async () => {
    const user = await newUser(app);
    const others = await Promise.all([signIn(app, user.email), signIn(app, user.email)]);
    const change = user.api
      .post('/auth/password', { current_password: password, new_password: newPassword })
      .expect(204);
    const logins = Array.from({ length: 8 }, () => login(user.email, password));
    const refreshes = others.map(({ refresh_token }) => refresh(refresh_token));
    const responses = await Promise.all([...logins, ...refreshes]);
    await change;
    for (const { status, body } of responses) {
      expect([200, 401]).toContain(status);
      if (status !== 200) continue;
      const { access_token, refresh_token } = body as { access_token: string; refresh_token: string };
      await app.api.withToken(access_token).get('/tasks').expect(401);
      await refresh(refresh_token).expect(401);
    }
    await user.api.get('/tasks').expect(200);
  });
});

describe('resetting a forgotten password', () => {
  it('returns the same response for every email address', async () => {
    const user = await newUser(app);
    const inactive = await newUser(app);
    await app.database.query('UPDATE users SET is_active = false WHERE id = $1', [inactive.id]);
    const responses = [];
    for (const email of [user.email, 'nobody@example.com', inactive.email]) {
      const { status, text, headers } = await app.api.post('/auth/password/forgot', { email });
      responses.push({ status, text, headers: Object.keys(headers) });
    }
    expect(responses[0]).toMatchObject({ status: 202, text: '' });
    for (const response of responses) expect(response).toEqual(responses[0]);
    // After a later mail has arrived, there is still none to the other addresses.
    await app.mailbox.take(user.email, subjects.reset);
    await requestResetToken(user.email);
    const sent = app.mailbox.mails.filter(({ subject }) => subjects.reset.test(subject ?? ''));
    expect(sent.map(({ to }) => to?.[0]?.address)).toEqual([]);
    await app.api.post('/auth/password/forgot', { email: 'no address' }).expect(422);
  });

  it('accepts a mailed token, revokes all sessions and personal access tokens, and verifies the address', async () => {
    const user = await newUser(app);
    const { token: personalToken } = await newPersonalToken(user);
    const token = await requestResetToken(user.email.toUpperCase().toLowerCase());
    await reset(token).expect(204);
    await user.api.get('/tasks').expect(401);
    await refresh(user.refresh_token).expect(401);
    await app.api.withToken(personalToken).get('/tasks').expect(401);
    await login(user.email, password).expect(401);
    const { body } = await login(user.email, newPassword).expect(200);
    expect((body as { user: object }).user).toMatchObject({ is_verified: true });
    await app.mailbox.take(user.email, subjects.passwordChanged);
  });

  it('leaves no valid session when tokens are refreshed at the same time', async () => {
    const user = await newUser(app);
    const token = await requestResetToken(user.email);
    const [resetResponse, ...refreshes] = await Promise.all([
      reset(token),
      ...Array.from({ length: 5 }, () => refresh(user.refresh_token)),
    ]);
    expect(resetResponse.status).toBe(204);
    for (const { status, body } of refreshes) {
      if (status !== 200) continue;
      const { access_token } = body as { access_token: string };
      await app.api.withToken(access_token).get('/tasks').expect(401);
    }
  });

  it('accepts a token once, even in parallel requests', async () => {
    const user = await newUser(app);
    const token = await requestResetToken(user.email);
    const responses = await Promise.all([reset(token), reset(token, 'a cairn of other stones')]);
    expect(responses.map(({ status }) => status).sort()).toEqual([204, 422]);
    const { body } = await reset(token).expect(422);
    expect(body).toMatchObject({ errors: [{ field: 'token', code: 'invalid_token' }] });
  });

  it.each<[string, (user: TestUser) => Promise<unknown>]>([
    [
      'has expired',
      ({ id }) =>
        app.database.query(`UPDATE one_time_tokens SET expires_at = now() WHERE user_id = $1`, [id]),
    ],
    [
      'was for another address',
      ({ id }) => app.database.query(`UPDATE users SET email = 'new' || email WHERE id = $1`, [id]),
    ],
    [
      'belongs to a deactivated account',
      ({ id }) => app.database.query('UPDATE users SET is_active = false WHERE id = $1', [id]),
    ],
  ])('refuses a token that %s', async (_case, invalidate) => {
    const user = await newUser(app);
    const token = await requestResetToken(user.email);
    const before = await hashOf(user);
    await invalidate(user);
    await reset(token).expect(422);
    expect(await hashOf(user)).toBe(before);
  });

  it('keeps older tokens valid when another one is requested, until one is used', async () => {
    const user = await newUser(app);
    const [first, second] = [await requestResetToken(user.email), await requestResetToken(user.email)];
    await reset(first).expect(204);
    await reset(second).expect(422);
  });

  it('revokes a personal access token that is created at the same time', async () => {
    const user = await newUser(app);
    const token = await requestResetToken(user.email);
    const unblock = await blockWrites(app, 'INSERT ON personal_tokens');
    const creation = user.api
      .post('/auth/tokens', { name: 'Thief', scopes: ['read'] })
      .expect(201)
      .then();
    await waitForLockWaits(app, 1);
    const resetting = reset(token).expect(204).then();
    await waitForLockWaits(app, 2, resetting);
    await unblock();
    await Promise.all([creation, resetting]);
    const { rowCount } = await app.database.query('SELECT FROM personal_tokens WHERE user_id = $1', [
      user.id,
    ]);
    expect(rowCount).toBe(0);
    await user.api.post('/auth/tokens', { name: 'Thief', scopes: ['read'] }).expect(401);
  });

  it('refuses tokens for another purpose', async () => {
    const user = await newUser(app);
    const verification = await app.mailbox.takeToken(user.email, subjects.verification);
    const token = await requestResetToken(user.email);
    await reset(verification).expect(422);
    await app.api.post('/auth/email/verify', { token }).expect(422);
    await app.api.post('/auth/email/verify', { token: verification }).expect(204);
    await reset(token).expect(204);
  });

  it.each(['x', 'A'.repeat(43), '', ' ', null, 7, 'x'.repeat(201)])('refuses the token %p', async (token) => {
    await app.api.post('/auth/password/reset', { token, new_password: newPassword }).expect(422);
    await app.api.post('/auth/email/verify', { token }).expect(422);
  });
});

it('a dump of the database contains no usable secret', async () => {
  const user = await newUser(app);
  const mailed = await requestResetToken(user.email);
  const { token } = await newPersonalToken(user);
  const { rows } = await app.database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  let dump = '';
  for (const { name } of rows) {
    const { rows: lines } = await app.database.query<{ line: string }>(
      `SELECT to_jsonb(t)::text AS line FROM ${name} t`,
    );
    dump += lines.map(({ line }) => line).join('\n');
  }
  expect(dump).toContain(user.email);
  const secrets = [
    password,
    mailed,
    token,
    token.slice(6),
    ...user.access_token.split('.'),
    user.refresh_token,
  ];
  for (const secret of secrets) {
    expect(dump).not.toContain(secret);
    expect(dump).not.toContain(Buffer.from(secret).toString('hex'));
  }
  expect(dump).not.toContain(Buffer.from(mailed, 'base64url').toString('hex'));
});
