import { createHash } from 'node:crypto';
import type { Response } from 'supertest';
import { startApp, TestApp } from '../setup/app';
import { Json, newPersonalToken, newTask, newUser, password, signIn, TestUser } from '../setup/factories';
import { LimitClock } from '../setup/limit-clock';

/*
 * Two instances on one database, behind a proxy at 127.0.0.1, with small limits. Their clock stands still: a test
 * advances it instead of waiting.
 */
const environment = {
  RATE_LIMITS: 'on',
  LOG_LEVEL: 'silent',
  TRUST_PROXY: '127.0.0.1',
  RATE_LIMIT_USER: '1000/60',
  RATE_LIMIT_PASSWORD_ADDRESS: '20/900',
  RATE_LIMIT_PASSWORD_ACCOUNT: '3/3600',
  RATE_LIMIT_MAIL_ADDRESS: '6/3600',
  RATE_LIMIT_MAIL_ACCOUNT: '2/3600',
  RATE_LIMIT_LONGEST_WAIT: '8',
};

let app: TestApp;
let secondInstance: TestApp;
/** An instance without limits, to prepare tests. */
let unlimited: TestApp;
let clock: LimitClock;
beforeAll(async () => {
  app = await startApp(environment);
  // Any instance may send a mail.
  const shared = { DATABASE_URL: app.databaseUrl, SMTP_URL: app.mailbox.url };
  secondInstance = await startApp({ ...environment, ...shared });
  unlimited = await startApp(shared);
  clock = await LimitClock.freeze(app);
});
afterAll(async () => {
  await unlimited.close();
  await secondInstance.close();
  await app.close();
});

let addressCount = 0;
/** An unused IP address. */
const newAddress = () => `198.51.${Math.floor(++addressCount / 250)}.${addressCount % 250}`;

const login = (email: string, triedPassword: string, address: string, instance = app) =>
  instance.api.post('/auth/login', { email, password: triedPassword }).set('x-forwarded-for', address);
const forgotPassword = (email: string, address: string, instance = app) =>
  instance.api.post('/auth/password/forgot', { email }).set('x-forwarded-for', address);

const wrongPassword = 'not this one';
const statuses = (responses: Response[]) => responses.map(({ status }) => status);

describe('rate limits › password attempts per account', () => {
  it('double the wait after each wrong password beyond the quota, from any address, up to the longest wait', async () => {
    const user = await newUser(unlimited);
    for (let i = 0; i < 3; i++) await login(user.email, wrongPassword, newAddress()).expect(401);
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const { body, headers } = await login(
        user.email,
        password,
        newAddress(),
        i % 2 ? app : secondInstance,
      ).expect(429);
      expect(body).toMatchObject({ code: 'rate_limited' });
      const wait = Number((headers as Record<string, string>)['retry-after']);
      waits.push(wait);
      await clock.advance(wait);
      await login(user.email, wrongPassword, newAddress()).expect(401);
    }
    expect(waits).toEqual([1, 2, 4, 8, 8, 8]);
    await clock.advance(8);
    await login(user.email, password, newAddress()).expect(200);
    // A correct password does not reset the wrong attempts of others, nor reveal them.
    await login(user.email, wrongPassword, newAddress()).expect(401);
    await login(user.email, password, newAddress()).expect(429).expect('retry-after', '8');
  });

  it('are counted separately for a network where the owner has signed in before', async () => {
    const [user, home] = [await newUser(unlimited), newAddress()];
    await login(user.email, password, home).expect(200);
    for (let i = 0; i < 3; i++) await login(user.email, wrongPassword, newAddress()).expect(401);
    await login(user.email, wrongPassword, newAddress()).expect(429);
    for (let i = 0; i < 2; i++) await login(user.email, wrongPassword, home).expect(401);
    await login(user.email, password, home).expect(200);
    for (let i = 0; i < 3; i++) await login(user.email, wrongPassword, home).expect(401);
    await login(user.email, password, home).expect(429).expect('retry-after', '1');
  });

  it('do not reveal to others in the network of the owner that an account exists', async () => {
    const [user, home] = [await newUser(unlimited), newAddress()];
    await login(user.email, password, home).expect(200);
    const responsesFor = async (email: string) => {
      for (let i = 0; i < 3; i++) await login(email, wrongPassword, newAddress()).expect(401);
      await login(email, wrongPassword, newAddress()).expect(429);
      const responses: object[] = [];
      for (let i = 0; i < 5; i++) {
        const { status, body, headers } = await login(email, wrongPassword, home);
        const { ratelimit, 'ratelimit-policy': policy, 'retry-after': retryAfter } = headers as Json;
        // The count of the network comes first and differs.
        const accountCount = String(ratelimit).split(', ')[1];
        responses.push({ status, ...(body as object), request_id: '', accountCount, policy, retryAfter });
      }
      return responses;
    };
    const known = await responsesFor(user.email);
    expect(known).toMatchObject([401, 401, 401, 429, 429].map((status) => ({ status })));
    expect(await responsesFor('nobody-at-home@example.com')).toEqual(known);
    // Accounts that have not signed in from there look the same. Attempts from elsewhere still delay them.
    const visitor = await newUser(unlimited);
    expect(await responsesFor(visitor.email)).toEqual(known);
    const guest = await newUser(unlimited);
    for (let i = 0; i < 3; i++) await login(guest.email, wrongPassword, newAddress()).expect(401);
    await login(guest.email, password, home).expect(401);
    await clock.advance(1);
    await login(guest.email, password, home).expect(200);
  });

  it('are counted exactly for parallel requests to two instances', async () => {
    const user = await newUser(unlimited);
    const responses = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        login(user.email, wrongPassword, newAddress(), i % 2 ? app : secondInstance),
      ),
    );
    expect(statuses(responses).sort()).toEqual([
      ...Array<number>(3).fill(401),
      ...Array<number>(9).fill(429),
    ]);
  });

  it('count every spelling of an address as one account, and unknown accounts alike', async () => {
    const user = await newUser(unlimited, { email: 'jos\u00e9@example.com' });
    for (const spelling of ['jos\u00e9@example.com', 'JOSE\u0301@example.com ', 'Jos\u00e9@EXAMPLE.com']) {
      await login(spelling, wrongPassword, newAddress()).expect(401);
    }
    const known = await login(user.email, wrongPassword, newAddress()).expect(429);
    for (let i = 0; i < 3; i++) await login('nobody@example.com', wrongPassword, newAddress()).expect(401);
    const unknown = await login('nobody@example.com', wrongPassword, newAddress()).expect(429);
    const visible = ({ body, headers }: Response) => {
      const { ratelimit, 'ratelimit-policy': policy } = headers as Record<string, string>;
      return { ...(body as object), request_id: '', ratelimit, policy };
    };
    expect(visible(unknown)).toEqual(visible(known));
  });

  it('are reset when there is no attempt for a whole window', async () => {
    const user = await newUser(unlimited);
    for (let i = 0; i < 3; i++) await login(user.email, wrongPassword, newAddress()).expect(401);
    await login(user.email, wrongPassword, newAddress()).expect(429);
    await clock.advance(3601);
    for (let i = 0; i < 3; i++) await login(user.email, wrongPassword, newAddress()).expect(401);
  });

  it('limit wrong passwords of signed-in users too', async () => {
    const user = await newUser(unlimited);
    const api = app.api.withToken(user.access_token);
    const change = { current_password: wrongPassword, new_password: 'a cairn of other stones' };
    const attempts = [
      () => api.post('/auth/password', change),
      () => api.delete('/users/me', { password: wrongPassword }),
      () => api.patch('/users/me', { email: 'x@example.com', current_password: wrongPassword }),
    ];
    for (const call of attempts) await call().set('x-forwarded-for', newAddress()).expect(403);
    for (const call of attempts) await call().set('x-forwarded-for', newAddress()).expect(429);
    await clock.advance(1);
    await api
      .post('/auth/password', { ...change, current_password: password })
      .set('x-forwarded-for', newAddress())
      .expect(204);
  });

  it('are reset by a password reset', async () => {
    const user = await newUser(unlimited);
    for (let i = 0; i < 3; i++) await login(user.email, wrongPassword, newAddress()).expect(401);
    await login(user.email, wrongPassword, newAddress()).expect(429);
    await forgotPassword(user.email, newAddress(), unlimited).expect(202);
    const token = await app.mailbox.takeToken(user.email, /Reset your .* password/);
    await app.api
      .post('/auth/password/reset', { token, new_password: 'a cairn of other stones' })
      .set('x-forwarded-for', newAddress())
      .expect(204);
    await login(user.email, 'a cairn of other stones', newAddress()).expect(200);
  });

  it('are reset by a password reset for known networks too, by email and by username', async () => {
    const [user, home] = [await newUser(unlimited, { username: 'Homely' }), newAddress()];
    await login(user.email, password, home).expect(200);
    const loginByUsername = (triedPassword: string) =>
      app.api
        .post('/auth/login', { username: 'homely', password: triedPassword })
        .set('x-forwarded-for', home);
    for (const attempt of [
      () => login(user.email, wrongPassword, home),
      () => loginByUsername(wrongPassword),
    ]) {
      for (let i = 0; i < 3; i++) await attempt().expect(401);
      await attempt().expect(429);
    }
    await forgotPassword(user.email, home, unlimited).expect(202);
    const token = await app.mailbox.takeToken(user.email, /Reset your .* password/);
    await app.api
      .post('/auth/password/reset', { token, new_password: 'a cairn of other stones' })
      .set('x-forwarded-for', home)
      .expect(204);
    await login(user.email, wrongPassword, home).expect(401);
    await loginByUsername('a cairn of other stones').expect(200);
  });
});

describe('rate limits › password attempts per network', () => {
  it('are limited for all accounts together, right or wrong, on all instances', async () => {
    const [user, address] = [await newUser(unlimited), newAddress()];
    const attempts: Promise<Response>[] = [];
    for (let i = 0; i < 24; i++) {
      const instance = i % 2 ? app : secondInstance;
      attempts.push(
        i % 3
          ? login(`nobody${i}@example.com`, wrongPassword, address, instance).then()
          : login(user.email, password, address, instance).then(),
      );
      await attempts.at(-1);
    }
    const responses = await Promise.all(attempts);
    expect(statuses(responses.slice(20))).toEqual([429, 429, 429, 429]);
    expect(statuses(responses.slice(0, 20))).not.toContain(429);
    const { 'retry-after': retryAfter } = responses[20]!.headers as Record<string, string>;
    expect(Number(retryAfter)).toBe(900);
    await login(user.email, password, newAddress()).expect(200);
    await clock.advance(901);
    await login(user.email, password, address).expect(200);
  });

  it('do not delay other networks while those of one network are counted', async () => {
    const [user, attacker] = [await newUser(unlimited), newAddress()];
    await login('nobody@example.com', wrongPassword, attacker).expect(401);
    const key = `password-address:${createHash('sha256').update(attacker).digest('base64url')}`;
    const client = await app.database.connect();
    await client.query('BEGIN');
    const { rowCount } = await client.query('SELECT FROM rate_limits WHERE key = $1 FOR UPDATE', [key]);
    expect(rowCount).toBe(1);
    const attempts = Array.from({ length: 100 }, (_, i) =>
      login(`nobody${i}@example.com`, wrongPassword, attacker).then(),
    );
    try {
      // Only a network that already has many requests waiting is refused.
      expect((await Promise.race(attempts)).status).toBe(503);
      for (let i = 0; i < 3; i++) await login(user.email, password, newAddress()).expect(200);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
    await Promise.all(attempts);
  });

  it('count an IPv6 /64 as one network, and both notations of an IPv4 address as one', async () => {
    const [email, site] = ['nobody-v6@example.com', '2001:db8:1:2'];
    for (let i = 0; i < 20; i++) await login(`${i}${email}`, wrongPassword, `${site}:${i}::${i}`).expect(401);
    await login(`x${email}`, wrongPassword, `${site}:ffff:1:2:3`).expect(429);
    await login(`y${email}`, wrongPassword, '2001:db8:1:3::1').expect(401);
    const address = newAddress();
    for (let i = 0; i < 20; i++) {
      await login(`${i}z${email}`, wrongPassword, i % 2 ? address : `::ffff:${address}`).expect(401);
    }
    await login(`zz${email}`, wrongPassword, `::ffff:${address}`).expect(429);
    await login(`zzz${email}`, wrongPassword, '::ffff:203.0.113.7').expect(401);
  });

  it('ignore forwarding headers of a client that is not a trusted proxy', async () => {
    const direct = await startApp({ ...environment, TRUST_PROXY: '', RATE_LIMIT_PASSWORD_ADDRESS: '2/900' });
    try {
      for (let i = 0; i < 3; i++) {
        const response = direct.api
          .post('/auth/login', { email: `nobody${i}@example.com`, password: wrongPassword })
          .set('x-forwarded-for', newAddress())
          .set('forwarded', `for=${newAddress()}`)
          .set('x-real-ip', newAddress());
        await response.expect(i < 2 ? 401 : 429);
      }
    } finally {
      await direct.close();
    }
  });

  it('count all invalid addresses as one', async () => {
    for (let i = 0; i < 20; i++)
      await login(`odd${i}@example.com`, wrongPassword, `not an address ${i}`).expect(401);
    const address = newAddress();
    for (let i = 0; i < 20; i++)
      await login(`port${i}@example.com`, wrongPassword, `${address}:${5000 + i}`).expect(401);
    await login('port@example.com', wrongPassword, address).expect(429);
    await login('odd@example.com', wrongPassword, 'neither').expect(429);
  });
});

describe('rate limits › requested mails', () => {
  it('double the wait for one mailbox, with or without an account', async () => {
    const user = await newUser(unlimited);
    for (const email of [user.email, 'no-account@example.com']) {
      for (let i = 0; i < 2; i++) await forgotPassword(email, newAddress()).expect(202);
      await forgotPassword(email, newAddress(), secondInstance).expect(429).expect('retry-after', '1');
      await clock.advance(1);
      await forgotPassword(email, newAddress()).expect(202);
      await forgotPassword(email, newAddress()).expect(429).expect('retry-after', '2');
    }
    const api = app.api.withToken(user.access_token);
    await api.post('/auth/email/verification').set('x-forwarded-for', newAddress()).expect(429);
  });

  it('limit mails to an address that accounts change to', async () => {
    const user = await newUser(unlimited);
    const api = app.api.withToken(user.access_token);
    const move = (email: string) =>
      api.patch('/users/me', { email, current_password: password }).set('x-forwarded-for', newAddress());
    await move('victim@example.com').expect(200);
    await move('elsewhere@example.com').expect(200);
    await move('victim@example.com').expect(429);
    await forgotPassword('victim@example.com', newAddress()).expect(429);
  });

  it('are not counted for an address that is taken', async () => {
    const user = await newUser(unlimited);
    for (let i = 0; i < 4; i++) {
      await app.api
        .post('/auth/register', { email: user.email, password })
        .set('x-forwarded-for', newAddress())
        .expect(409);
    }
    const intruder = await newUser(unlimited);
    for (let i = 0; i < 4; i++) {
      await app.api
        .withToken(intruder.access_token)
        .patch('/users/me', { email: user.email, current_password: password })
        .set('x-forwarded-for', newAddress())
        .expect(409);
    }
    await forgotPassword(user.email, newAddress()).expect(202);
  });

  it('are limited per network, including registrations', async () => {
    const address = newAddress();
    for (let i = 0; i < 3; i++) {
      await app.api
        .post('/auth/register', { email: `signup${i}@example.com`, password })
        .set('x-forwarded-for', address)
        .expect(201);
      await forgotPassword(`other${i}@example.com`, address).expect(202);
    }
    await forgotPassword('last@example.com', address).expect(429);
    const refused = await app.api
      .post('/auth/register', { email: 'last@example.com', password })
      .set('x-forwarded-for', address)
      .expect(429);
    expect(refused.headers).toMatchObject({
      'ratelimit-policy': '"mail-address";q=6;w=3600',
      ratelimit: expect.stringMatching(/^"mail-address";r=0;t=3(600|5\d\d)$/) as string,
    });
    const { rowCount } = await app.database.query(`SELECT FROM users WHERE email = 'last@example.com'`);
    expect(rowCount).toBe(0);
  });
});

describe('rate limits › requests per user', () => {
  let first: TestApp;
  let second: TestApp;
  beforeAll(async () => {
    // The instances count the end of the window by the real clock: it is hours away.
    const few = { ...environment, RATE_LIMIT_USER: '10/36000' };
    first = await startApp({ ...few, DATABASE_URL: app.databaseUrl });
    second = await startApp({ ...few, DATABASE_URL: app.databaseUrl });
  });
  afterAll(async () => {
    await second.close();
    await first.close();
  });

  const get = (instance: TestApp, token: string) => instance.api.withToken(token).get('/tasks');

  it('are counted for all instances, sessions and tokens together, apart from other users', async () => {
    const [user, neighbour] = [await newUser(unlimited), await newUser(unlimited)];
    const session = await signIn(unlimited, user.email);
    const { token } = await newPersonalToken(user);
    const remaining: string[] = [];
    const tokens = [user.access_token, session.access_token, token];
    for (let i = 0; i < 10; i++) {
      const { headers } = await get(i % 2 ? first : second, tokens[i % 3]!).expect(200);
      remaining.push((headers as Record<string, string>).ratelimit!.replace(/;t=\d+$/, ''));
    }
    expect(remaining).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((count) => `"user";r=${count}`));
    for (const instance of [first, second]) {
      for (const each of tokens) {
        const { headers } = await get(instance, each)
          .expect(429)
          .expect('ratelimit-policy', '"user";q=10;w=36000');
        expect(Number((headers as Record<string, string>)['retry-after'])).toBeGreaterThan(35_000);
      }
    }
    await get(first, neighbour.access_token).expect(200);
    await get(unlimited, user.access_token).expect(200);
  });

  it('are counted exactly for parallel requests', async () => {
    const user: TestUser = await newUser(unlimited);
    const responses = await Promise.all(
      Array.from({ length: 30 }, (_, i) => get(i % 2 ? first : second, user.access_token)),
    );
    expect(statuses(responses).filter((status) => status === 200)).toHaveLength(10);
    expect(statuses(responses).filter((status) => status === 429)).toHaveLength(20);
  });

  it('allow exactly the quota when it is no multiple of the part an instance reserves', async () => {
    const uneven = await startApp({
      ...environment,
      RATE_LIMIT_USER: '110/36000',
      DATABASE_URL: app.databaseUrl,
    });
    try {
      const user = await newUser(unlimited);
      const responses: Response[] = [];
      for (let i = 0; i < 13; i++) {
        responses.push(
          ...(await Promise.all(Array.from({ length: 10 }, () => get(uneven, user.access_token)))),
        );
      }
      expect(statuses(responses).filter((status) => status === 200)).toHaveLength(110);
      // An instance with a larger quota refuses too, without endless attempts to reserve.
      await get(app, user.access_token).expect(429);
    } finally {
      await uneven.close();
    }
  });

  it('do not count requests with ended sessions and revoked tokens', async () => {
    const user = await newUser(unlimited);
    const ended = await signIn(unlimited, user.email);
    const { token, id } = await newPersonalToken(user);
    await get(first, token).expect(200);
    await ended.api.post('/auth/logout').expect(204);
    await user.api.delete(`/auth/tokens/${id}`).expect(204);
    for (let i = 0; i < 12; i++) await get(first, i % 2 ? token : ended.access_token).expect(401);
    for (let i = 0; i < 9; i++) await get(first, user.access_token).expect(200);
    await get(first, user.access_token).expect(429);
  });

  it('apply to token refreshes of a session as well', async () => {
    const user = await newUser(unlimited);
    let { refresh_token } = user;
    for (let i = 0; i < 10; i++) {
      const { body } = await first.api.post('/auth/refresh', { refresh_token }).expect(200);
      ({ refresh_token } = body as TestUser);
    }
    await first.api.post('/auth/refresh', { refresh_token }).expect(429);
  });

  it('do not count requests with invalid tokens', async () => {
    const user = await newUser(unlimited);
    for (let i = 0; i < 12; i++) await get(first, `${user.access_token.slice(0, -4)}AAAA`).expect(401);
    await get(first, user.access_token).expect(200);
  });
});

describe('rate limits', () => {
  it('leave the application running when counting fails for an ended session', async () => {
    const user = await newUser(unlimited);
    const ended = await signIn(unlimited, user.email);
    await ended.api.post('/auth/logout').expect(204);
    const instance = await startApp({
      ...environment,
      RATE_LIMIT_USER: '1/36000',
      DATABASE_URL: app.databaseUrl,
    });
    try {
      const client = await app.database.connect();
      const first = instance.api.withToken(ended.access_token).get('/tasks').then();
      await client.query('BEGIN; LOCK TABLE rate_limits');
      const second = instance.api.withToken(user.access_token).get('/tasks').then();
      expect([401, 503]).toContain((await first).status);
      expect([200, 503]).toContain((await second).status);
      await client.query('ROLLBACK');
      client.release();
      await instance.api.get('//health').expect(200);
    } finally {
      await instance.close();
    }
  });

  it('are deleted from the database after their window', async () => {
    await app.database.query(
      `INSERT INTO rate_limits VALUES ('old:${'x'.repeat(43)}', 1, now() - interval '2 s', now() - interval '1 s')`,
    );
    const purger = await startApp({ ...environment, DATABASE_URL: app.databaseUrl });
    while ((await app.database.query(`SELECT FROM rate_limits WHERE key LIKE 'old:%'`)).rowCount);
    await purger.close();
  });

  it('survive a restart', async () => {
    const user = await newUser(unlimited);
    const before = await startApp({ ...environment, DATABASE_URL: app.databaseUrl });
    for (let i = 0; i < 3; i++) await login(user.email, wrongPassword, newAddress(), before).expect(401);
    await before.close();
    const after = await startApp({ ...environment, DATABASE_URL: app.databaseUrl });
    await login(user.email, password, newAddress(), after).expect(429);
    await after.close();
  });

  it('refuse requests with 503 when they cannot be counted', async () => {
    const user = await newUser(unlimited);
    await app.database.query('ALTER TABLE rate_limits RENAME TO rate_limits_gone');
    try {
      await login(user.email, password, newAddress()).expect(503);
      await forgotPassword(user.email, newAddress()).expect(503);
    } finally {
      await app.database.query('ALTER TABLE rate_limits_gone RENAME TO rate_limits');
    }
    const client = await app.database.connect();
    await client.query('BEGIN; LOCK TABLE rate_limits');
    try {
      const { headers } = await login(user.email, password, newAddress()).expect(503);
      expect(headers).toHaveProperty('retry-after');
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
    await login(user.email, password, newAddress()).expect(200);
  });

  it('store no readable account name or address', async () => {
    await login('secret-typed-as-name', wrongPassword, '198.51.100.77').expect(401);
    const { rows } = await app.database.query<{ key: string }>('SELECT key FROM rate_limits');
    expect(rows.length).toBeGreaterThan(10);
    for (const { key } of rows) expect(key).toMatch(/^[a-z-]+:[\w-]{43}$/);
  });

  it('can be switched off one by one or all together', async () => {
    const some = await startApp({
      ...environment,
      RATE_LIMIT_PASSWORD_ACCOUNT: 'off',
      RATE_LIMIT_USER: 'off',
      DATABASE_URL: app.databaseUrl,
    });
    try {
      const [user, address] = [await newUser(unlimited), newAddress()];
      for (let i = 0; i < 5; i++) {
        const { headers } = await login(user.email, wrongPassword, address, some).expect(401);
        expect(headers).toMatchObject({ 'ratelimit-policy': '"password-address";q=20;w=900' });
      }
      const { headers } = await get(some, user);
      expect(headers).not.toHaveProperty('ratelimit');
      for (let i = 0; i < 10; i++) await login(user.email, wrongPassword, address, unlimited).expect(401);
      await newTask({ ...user, api: unlimited.api.withToken(user.access_token) });
    } finally {
      await some.close();
    }
    async function get(instance: TestApp, user: TestUser): Promise<Response> {
      return instance.api.withToken(user.access_token).get('/tasks').expect(200);
    }
  });
});
