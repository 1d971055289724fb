import { createHmac } from 'node:crypto';
import { Api } from '../setup/api';
import { startApp, TestApp } from '../setup/app';
import { newTask, newUser, password, signIn, TestUser } from '../setup/factories';
import { RunningProcess, runNode } from '../setup/processes';
import { asRole } from '../setup/server';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ ARGON2_MEMORY_COST: '' }); // the default
  // A used refresh token may be sent again for ten seconds: here for an hour, however long a test takes.
  await app.database.query(`
    CREATE FUNCTION extend_retries() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN NEW.last_used_at := NEW.last_used_at + interval '1 hour'; RETURN NEW; END$$;
    CREATE TRIGGER a_extend_retries BEFORE UPDATE ON sessions
      FOR EACH ROW WHEN (NEW.generation <> OLD.generation) EXECUTE FUNCTION extend_retries()`);
});
afterAll(() => app.close());

interface Tokens {
  access_token: string;
  refresh_token: string;
}

const refresh = (token: string) => app.api.post('/auth/refresh', { refresh_token: token });

describe('registration', () => {
  it('creates an account and returns it without secrets', async () => {
    const { body } = await app.api
      .lenient()
      .post('/auth/register', {
        email: ' New@Example.com ',
        password,
        username: 'new',
        timezone: 'Europe/Berlin',
      })
      .expect(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      email: 'new@example.com',
      username: 'new',
      full_name: null,
      timezone: 'Europe/Berlin',
      is_active: true,
      deletion_at: null,
      is_verified: false,
      is_superuser: false,
      last_login_at: null,
      email_verified_at: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      updated_at: (body as { created_at: string }).created_at,
    });
    const { rows } = await app.database.query<{ password_hash: string }>(
      `SELECT password_hash FROM users WHERE username = 'new'`,
    );
    expect(rows[0]!.password_hash).toMatch(
      /^\$argon2id\$v=19\$m=19456,p=1,t=2\$|^\$argon2id\$v=19\$m=19456,t=2,p=1\$/,
    );
  });

  it('accepts an email address once, in any case and Unicode form', async () => {
    await newUser(app, { email: 'J\u030c@example.com' });
    await app.api.post('/auth/register', { email: '\u01f0@example.com', password }).expect(409);
    await newUser(app, { email: 'jose\u0301@example.com' });
    for (const email of ['JOS\u00c9@EXAMPLE.COM', 'jos\u00e9@example.com']) {
      const { body } = await app.api.post('/auth/register', { email, password }).expect(409);
      expect(body).toMatchObject({ code: 'email_taken' });
    }
  });

  it('accepts one address of a mailbox, also in the ASCII form of its domain and with any sigma', async () => {
    const register = (email: string) => app.api.post('/auth/register', { email, password });
    for (const [stored, others] of [
      [
        'ada@bücher.example',
        ['ADA@xn--bcher-kva.example', 'ada@XN--BCHER-KVA.EXAMPLE', 'ada@BU\u0308CHER.example'],
      ],
      ['οδος@example.com', ['οδοσ@example.com', 'ΟΔΟΣ@example.com']],
    ] as const) {
      expect((await register(others[0]).expect(201)).body).toMatchObject({ email: stored });
      for (const email of [stored, ...others]) {
        expect((await register(email).expect(409)).body).toMatchObject({ code: 'email_taken' });
        await app.api.post('/auth/login', { email, password }).expect(200);
      }
    }
    const { rows } = await app.database.query<{ email: string }>(
      `SELECT email FROM users WHERE email LIKE '%cher%' OR email LIKE '%xn--%' OR email LIKE 'οδο%' ORDER BY email`,
    );
    expect(rows.map(({ email }) => email)).toEqual(['ada@bücher.example', 'οδος@example.com']);
  });

  it.each([
    'victim@e\ufe0fxample.com',
    'victim@exam\u034fple.com',
    'victim@exam\u00adple.com',
    'victim@\u0301example.com',
    'victim@exam-\u0301ple.com',
    'victim@1.2',
    'victim@127.0.0.1',
    'victim@xn--a.com',
  ])('refuses the address %j, whose domain is no domain name', async (email) => {
    for (const [path, body] of [
      ['/auth/register', { email, password }],
      ['/auth/password/forgot', { email }],
    ] as const) {
      expect((await app.api.post(path, body).expect(422)).body).toMatchObject({
        errors: [{ field: 'email', code: 'format' }],
      });
    }
  });

  it('refuses 64 KB of combining marks as an address', async () => {
    const email = `a${'\u0315\u0300'.repeat(16_000)}@example.com`;
    for (const [path, body] of [
      ['/auth/register', { email, password }],
      ['/auth/login', { email, password }],
      ['/auth/password/forgot', { email }],
    ] as const) {
      expect((await app.api.post(path, body).expect(422)).body).toMatchObject({
        errors: [{ field: 'email', code: 'too_long' }],
      });
    }
  });

  it('accepts a username once, in any case', async () => {
    await newUser(app, { username: 'stone' });
    const { body } = await app.api
      .post('/auth/register', { email: 'z@example.com', password, username: 'STONE' })
      .expect(409);
    expect(body).toMatchObject({ code: 'username_taken' });
  });

  it('creates one account for two parallel registrations', async () => {
    const register = () => app.api.post('/auth/register', { email: 'twice@example.com', password });
    const responses = await Promise.all([register(), register()]);
    expect(responses.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  it.each([
    ['no email', { password }, 'email', 'required'],
    ['an invalid address', { email: 'nobody', password }, 'email', 'format'],
    ['a short password', { email: 'a@example.com', password: '1234567' }, 'password', 'too_short'],
    ['a long password', { email: 'a@example.com', password: 'x'.repeat(257) }, 'password', 'too_long'],
    ['a password that is a number', { email: 'a@example.com', password: 12345678 }, 'password', 'type'],
    [
      'an unknown time zone',
      { email: 'a@example.com', password, timezone: 'Mars/Olympus' },
      'timezone',
      'unknown_timezone',
    ],
    [
      'an offset as time zone',
      { email: 'a@example.com', password, timezone: '+02:00' },
      'timezone',
      'unknown_timezone',
    ],
    [
      'a time zone that is an abbreviation',
      { email: 'a@example.com', password, timezone: 'CET' },
      'timezone',
      'unknown_timezone',
    ],
    ['a control character in the address', { email: 'a\u0007@example.com', password }, 'email', 'format'],
    ['a zero-width space in the address', { email: 'a\u200b@example.com', password }, 'email', 'format'],
    ['two dots in the address', { email: 'a@example..com', password }, 'email', 'format'],
    ['a username with an @', { email: 'a@example.com', password, username: 'a@b' }, 'username', 'format'],
    [
      'superuser rights',
      { email: 'a@example.com', password, is_superuser: true },
      'is_superuser',
      'unknown_field',
    ],
    [
      'a password hash',
      { email: 'a@example.com', password, password_hash: 'x' },
      'password_hash',
      'unknown_field',
    ],
    [
      'an id',
      { email: 'a@example.com', password, id: '00000000-0000-7000-8000-000000000000' },
      'id',
      'unknown_field',
    ],
  ])('refuses %s', async (_case, account, field, code) => {
    const { body } = await app.api.post('/auth/register', account).expect(422);
    expect((body as { errors: object[] }).errors).toEqual([
      { field, code, message: expect.any(String) as string },
    ]);
    const { rowCount } = await app.database.query(`SELECT 1 FROM users WHERE email = 'a@example.com'`);
    expect(rowCount).toBe(0);
  });
});

describe('signing in', () => {
  it('accepts the email address or the username, in any case', async () => {
    const user = await newUser(app, { username: 'walker' });
    for (const name of [
      { email: user.email.toUpperCase() },
      { username: 'WALKER' },
      { username: user.email },
    ]) {
      const { body } = await app.api.post('/auth/login', { ...name, password }).expect(200);
      expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900, user: { id: user.id } });
    }
  });

  it('returns the same problem for a wrong password, an unknown and an inactive account', async () => {
    const user = await newUser(app);
    const inactive = await newUser(app);
    await app.database.query('UPDATE users SET is_active = false WHERE id = $1', [inactive.id]);
    const wrongLogins = [
      { email: user.email, password: 'not this one' },
      { email: 'unknown@example.com', password },
      { username: 'unknown', password },
      { email: inactive.email, password },
      { email: inactive.email, password: 'not this one' },
    ];
    const bodies = [];
    for (const login of wrongLogins) {
      const { body } = await app.api
        .post('/auth/login', login)
        .expect(401)
        .expect('www-authenticate', /Bearer/);
      bodies.push({ ...(body as object), request_id: '' });
    }
    expect(bodies[0]).toMatchObject({ code: 'invalid_credentials' });
    for (const body of bodies) expect(body).toEqual(bodies[0]);
  });

  it('compares passwords beyond their 72nd character', async () => {
    const long = 'x'.repeat(72);
    await app.api.post('/auth/register', { email: 'long@example.com', password: `${long}a` }).expect(201);
    await app.api.post('/auth/login', { email: 'long@example.com', password: `${long}b` }).expect(401);
    await app.api.post('/auth/login', { email: 'long@example.com', password: `${long}a` }).expect(200);
  });

  it('requires either an email address or a username', async () => {
    await app.api.post('/auth/login', { password }).expect(422);
    await app.api.post('/auth/login', { email: 'a@example.com', username: 'a', password }).expect(422);
  });
});

describe('refreshing tokens', () => {
  it('returns new tokens, and revokes the session when an old refresh token is used', async () => {
    const user = await newUser(app);
    const second = (await refresh(user.refresh_token).expect(200)).body as Tokens;
    const third = (await refresh(second.refresh_token).expect(200)).body as Tokens;
    expect(new Set([user.refresh_token, second.refresh_token, third.refresh_token]).size).toBe(3);
    const api = app.api.withToken(third.access_token);
    await api.get('/users/me').expect(200);

    await refresh(user.refresh_token).expect(401);
    await api.get('/users/me').expect(401);
    await refresh(third.refresh_token).expect(401);
  });

  it('returns the same refresh token again when a request is repeated', async () => {
    const user = await newUser(app);
    const first = (await refresh(user.refresh_token).expect(200)).body as Tokens;
    const again = (await refresh(user.refresh_token).expect(200)).body as Tokens;
    expect(again.refresh_token).toBe(first.refresh_token);
  });

  it('revokes the session when a request is repeated after more than ten seconds', async () => {
    const user = await newUser(app);
    const { refresh_token } = (await refresh(user.refresh_token).expect(200)).body as Tokens;
    await app.database.query(
      `UPDATE sessions SET last_used_at = now() - interval '11 s' WHERE user_id = $1`,
      [user.id],
    );
    await refresh(user.refresh_token).expect(401);
    await refresh(refresh_token).expect(401);
  });

  it('returns the same refresh token to twenty parallel requests', async () => {
    const user = await newUser(app);
    const responses = await Promise.all(Array.from({ length: 20 }, () => refresh(user.refresh_token)));
    const successors = responses.map(({ status, body }) =>
      status === 200 ? (body as Tokens).refresh_token : status,
    );
    expect(new Set(successors).size).toBe(1);
    await refresh(successors[0] as string).expect(200);
  });

  it('extends the session, but not beyond its maximum duration', async () => {
    const user = await newUser(app);
    const days = async (column: string) => {
      const { rows } = await app.database.query<{ days: number }>(
        `SELECT extract(epoch FROM expires_at - ${column}) / 86400 AS days FROM sessions WHERE user_id = $1`,
        [user.id],
      );
      return Number(rows[0]!.days);
    };
    expect(await days('created_at')).toBeCloseTo(7, 2);
    await app.database.query(
      `UPDATE sessions SET created_at = now() - interval '20 days' WHERE user_id = $1`,
      [user.id],
    );
    const second = (await refresh(user.refresh_token).expect(200)).body as Tokens;
    expect(await days('now()')).toBeCloseTo(7, 2);
    await app.database.query(
      `UPDATE sessions SET created_at = now() - interval '29 days' WHERE user_id = $1`,
      [user.id],
    );
    const third = (await refresh(second.refresh_token).expect(200)).body as Tokens;
    expect(await days('now()')).toBeCloseTo(1, 2);
    await app.database.query(
      `UPDATE sessions SET created_at = created_at - interval '1 day', expires_at = expires_at - interval '1 day' WHERE user_id = $1`,
      [user.id],
    );
    await refresh(third.refresh_token).expect(401);
    await app.api.withToken(third.access_token).get('/tasks').expect(401);
  });

  it('revokes the session at once for a refresh token that was replaced twice', async () => {
    const user = await newUser(app);
    const second = (await refresh(user.refresh_token).expect(200)).body as Tokens;
    const third = (await refresh(second.refresh_token).expect(200)).body as Tokens;
    const [old, ...newer] = await Promise.all([
      refresh(user.refresh_token),
      ...Array.from({ length: 5 }, () => refresh(third.refresh_token)),
    ]);
    expect(old.status).toBe(401);
    for (const { status, body } of newer) {
      if (status === 200)
        await app.api
          .withToken((body as Tokens).access_token)
          .get('/tasks')
          .expect(401);
    }
    for (const { refresh_token } of [second, third]) await refresh(refresh_token).expect(401);
  });

  it('leaves no valid token when the user signs out at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const user = await newUser(app);
      const [, ...responses] = await Promise.all([
        user.api.post('/auth/logout').expect(204),
        ...Array.from({ length: 4 }, () => refresh(user.refresh_token)),
      ]);
      for (const { status, body } of responses) {
        if (status !== 200) continue;
        const tokens = body as Tokens;
        await app.api.withToken(tokens.access_token).get('/tasks').expect(401);
        await refresh(tokens.refresh_token).expect(401);
      }
    }
  });

  it('is refused for an expired session, a revoked session and an inactive user', async () => {
    const statements = [
      `UPDATE sessions SET expires_at = now() WHERE user_id = $1`,
      `UPDATE sessions SET revoked_at = now() WHERE user_id = $1`,
      `UPDATE users SET is_active = false WHERE id = $1`,
    ];
    for (const statement of statements) {
      const user = await newUser(app);
      await app.database.query(statement, [user.id]);
      await user.api.get('/tasks').expect(401);
      await refresh(user.refresh_token).expect(401);
    }
  });

  it('stores no part of a token', async () => {
    const user = await newUser(app);
    const { rows } = await app.database.query(
      `SELECT to_jsonb(s)::text || to_jsonb(u)::text AS stored FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.id = $1`,
      [user.id],
    );
    const { stored } = rows[0] as { stored: string };
    for (const token of [user.access_token, user.refresh_token]) {
      for (const part of token.split('.')) expect(stored).not.toContain(part);
    }
  });
});

describe('sessions of a user', () => {
  it('are listed with the current one marked', async () => {
    const user = await newUser(app);
    const second = await signIn(app, user.email);
    const { body } = await second.api.get('/auth/sessions?sort=created_at').expect(200);
    const { items } = body as { items: { current: boolean; ip: string; user_agent: string }[] };
    expect(items.map(({ current }) => current)).toEqual([false, true]);
    expect(items[0]).toMatchObject({ ip: '127.0.0.1' });
  });

  it('end at once when the user signs out, revokes one, or revokes all others', async () => {
    const first = await newUser(app);
    const [second, third, fourth] = [
      await signIn(app, first.email),
      await signIn(app, first.email),
      await signIn(app, first.email),
    ];
    await second.api.post('/auth/logout').expect(204);
    await second.api.get('/tasks').expect(401);
    await refresh(second.refresh_token).expect(401);

    const { body } = await third.api.get('/auth/sessions').expect(200);
    const { id } = (body as { items: { id: string; current: boolean }[] }).items.find(
      ({ current }) => current,
    )!;
    await first.api.delete(`/auth/sessions/${id}`).expect(204);
    await third.api.get('/tasks').expect(401);
    await first.api.delete(`/auth/sessions/${id}`).expect(404);

    await first.api.delete('/auth/sessions').expect(204);
    await fourth.api.get('/tasks').expect(401);
    await first.api.get('/tasks').expect(200);
  });

  it('cannot be revoked by another user', async () => {
    const [user, other] = [await newUser(app), await newUser(app)];
    const { body } = await other.api.get('/auth/sessions').expect(200);
    const { id } = (body as { items: { id: string }[] }).items[0]!;
    await user.api.delete(`/auth/sessions/${id}`).expect(404);
    await other.api.get('/tasks').expect(200);
  });

  it('end on all instances', async () => {
    const secondInstance = await startApp({ DATABASE_URL: app.databaseUrl });
    try {
      const user = await newUser(app);
      const api = secondInstance.api.withToken(user.access_token);
      await api.get('/tasks').expect(200);
      await user.api.post('/auth/logout').expect(204);
      await api.get('/tasks').expect(401);
    } finally {
      await secondInstance.close();
    }
  });
});

describe('an access token', () => {
  const secret = 'a secret of the tests, long enough';
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  let user: TestUser;
  let header: Record<string, unknown>;
  let claims: Record<string, unknown>;

  beforeAll(async () => {
    user = await newUser(app);
    const [first, second] = user.access_token
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString());
    header = JSON.parse(first!) as typeof header;
    claims = JSON.parse(second!) as typeof claims;
  });

  function forge(headerChanges: object, claimChanges: object, algorithm = 'sha256'): string {
    const signed = `${encode({ ...header, ...headerChanges })}.${encode({ ...claims, ...claimChanges })}`;
    return `${signed}.${createHmac(algorithm, secret).update(signed).digest('base64url')}`;
  }

  it('is accepted when it is signed correctly', async () => {
    await app.api.withToken(forge({}, {})).get('/tasks').expect(200);
  });

  const now = Math.floor(Date.now() / 1000);
  it.each<[string, () => string]>([
    ['no algorithm', () => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
    ['HS512', () => forge({ alg: 'HS512' }, {}, 'sha512')],
    ['another key', () => `${user.access_token.slice(0, -4)}AAAA`],
    ['an unknown key id', () => forge({ kid: 'other' }, {})],
    ['no key id', () => forge({ kid: undefined }, {})],
    ['a jku header', () => forge({ jku: 'http://127.0.0.1/keys' }, {})],
    ['a jwk header', () => forge({ jwk: { kty: 'oct', k: 'AA' } }, {})],
    ['a crit header', () => forge({ crit: ['exp'] }, {})],
    ['another type', () => forge({ typ: 'JWT' }, {})],
    ['no expiry', () => forge({}, { exp: undefined })],
    ['an expiry in the past', () => forge({}, { iat: now - 1000, exp: now - 100 })],
    ['an expiry of 1e300', () => forge({}, { exp: 1e300 })],
    ['an expiry that is text', () => forge({}, { exp: '9999999999' })],
    ['an issue date in the future', () => forge({}, { iat: now + 31_536_000, exp: now + 31_536_900 })],
    ['an object as subject', () => forge({}, { sub: { id: user.id } })],
    ['no session', () => forge({}, { sid: undefined })],
    ['another issuer', () => forge({}, { iss: 'other' })],
    ['another audience', () => forge({}, { aud: 'other' })],
    ['a session that does not exist', () => forge({}, { sid: '01a1fc21-da48-7676-8e75-c4a144c26217' })],
    ['a refresh token', () => user.refresh_token],
    ['a value that is no token', () => 'x'],
    ['a payload that is not JSON', () => 'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.bm8.x'],
    ['a header that is null', () => 'bnVsbA.e30.x'],
  ])('is refused with %s', async (_case, token) => {
    await app.api
      .withToken(token())
      .get('/tasks')
      .expect(401)
      .expect('www-authenticate', /Bearer/);
  });

  it('is not accepted as a refresh token', async () => {
    await refresh(user.access_token).expect(401);
  });

  it('is refused when the request has two', async () => {
    const other = await newUser(app);
    const response = await fetch(`${app.url}/api/v1/tasks`, {
      headers: [
        ['authorization', `Bearer ${user.access_token}`],
        ['authorization', `Bearer ${other.access_token}`],
      ],
    });
    expect(response.status).toBe(401);
  });

  it('does not authenticate later requests on the same connection', async () => {
    await newTask(user);
    const statuses = [];
    for (let i = 0; i < 20; i++) {
      statuses.push(
        (
          await fetch(`${app.url}/api/v1/tasks`, {
            headers: { authorization: `Bearer ${user.access_token}` },
          })
        ).status,
      );
      statuses.push((await fetch(`${app.url}/api/v1/tasks`)).status);
    }
    expect(statuses).toEqual(Array.from({ length: 20 }, () => [200, 401]).flat());
  });
});

describe('signing keys', () => {
  const first = 'the first key of the tests: long enough';
  const second = 'the second key of the tests: long enough';
  /** Starts an instance in its own process, because Passport keeps one strategy per process. */
  async function start(key: string, accepted = ''): Promise<{ api: Api; run: RunningProcess }> {
    const run = runNode(['src/main.ts'], {
      DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
      JWT_SECRET_KEY: key,
      JWT_ACCEPTED_SECRET_KEYS: accepted,
      SMTP_URL: app.mailbox.url,
      PORT: '0',
    });
    const [, url] = await run.waitForOutput(/Documentation: (http:\/\/\S+)\/docs/);
    return { api: new Api(url!, app.contract), run };
  }

  it('are rotated one instance after the other without ending sessions', async () => {
    // Every instance accepts the new key first, then signs with it, then no longer accepts the old one.
    const instances = await Promise.all([
      start(first),
      start(first, second),
      start(second, `${first}, another key that is of no use: long enough`),
      start(second),
    ]);
    const [oldKey, acceptsNew, signsWithNew, newKey] = instances.map(({ api }) => api) as [
      Api,
      Api,
      Api,
      Api,
    ];
    try {
      await newUser(app, { email: 'keys@example.com' });
      const login = { email: 'keys@example.com', password };
      const before = (await oldKey.post('/auth/login', login).expect(200)).body as Tokens;
      for (const api of [acceptsNew, signsWithNew])
        await api.withToken(before.access_token).get('/tasks').expect(200);
      const { refresh_token } = before;
      const after = (await signsWithNew.post('/auth/refresh', { refresh_token }).expect(200)).body as Tokens;
      for (const api of [acceptsNew, signsWithNew, newKey]) {
        await api.withToken(after.access_token).get('/tasks').expect(200);
      }
      await newKey.withToken(before.access_token).get('/tasks').expect(401);
      await newKey.post('/auth/refresh', { refresh_token }).expect(401);
      await oldKey.withToken(after.access_token).get('/tasks').expect(401);
      await newKey.post('/auth/refresh', { refresh_token: after.refresh_token }).expect(200);

      // The key id of a token selects the only key that can verify it.
      const [header, claims] = before.access_token.split('.');
      const signature = createHmac('sha256', second).update(`${header}.${claims}`).digest('base64url');
      await signsWithNew.withToken(`${header}.${claims}.${signature}`).get('/tasks').expect(401);
    } finally {
      for (const { run } of instances) {
        run.process.kill();
        expect(await run.ended).toBe(0);
      }
    }
  });
});
