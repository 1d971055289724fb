import type { Response } from 'supertest';
import { startApp, TestApp } from '../setup/app';
import { newPersonalToken, newTask, newUser, password, signIn, TestUser } from '../setup/factories';

/*
 * Two instances on one database, behind a proxy at 127.0.0.1, with small limits. Where a test must wait, it moves the
 * times in the database instead.
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
let elsewhere: TestApp;
/** Without limits, on the same database: for what a test needs before it begins. */
let free: TestApp;
beforeAll(async () => {
  app = await startApp(environment);
  elsewhere = await startApp({ ...environment, DATABASE_URL: app.databaseUrl });
  free = await startApp({ DATABASE_URL: app.databaseUrl });
});
afterAll(async () => {
  await free.close();
  await elsewhere.close();
  await app.close();
});

let hosts = 0;
/** An address that nobody else uses. */
const newAddress = () => `198.51.${Math.floor(++hosts / 250)}.${hosts % 250}`;

const login = (email: string, word: string, address: string, on = app) =>
  on.api.post('/auth/login', { email, password: word }).set('x-forwarded-for', address);
const forgot = (email: string, address: string, on = app) =>
  on.api.post('/auth/password/forgot', { email }).set('x-forwarded-for', address);

/** As if so many seconds had passed. */
const pass = (seconds: number) =>
  app.database.query(
    `UPDATE rate_limits SET free_at = free_at - $1 * interval '1 s', resets_at = resets_at - $1 * interval '1 s'`,
    [seconds],
  );

const wrong = 'not this one';
const statuses = (answers: Response[]) => answers.map(({ status }) => status);

describe('an account', () => {
  it('is guessed at slower and slower, from however many addresses; the right password works after the wait', async () => {
    const user = await newUser(free);
    for (let i = 0; i < 3; i++) await login(user.email, wrong, newAddress()).expect(401);
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const { body, headers } = await login(
        user.email,
        password,
        newAddress(),
        i % 2 ? app : elsewhere,
      ).expect(429);
      expect(body).toMatchObject({ code: 'rate_limited' });
      const wait = Number((headers as Record<string, string>)['retry-after']);
      waits.push(wait);
      await pass(wait);
      await login(user.email, wrong, newAddress()).expect(401);
    }
    expect(waits).toEqual([1, 2, 4, 8, 8, 8]);
    await pass(8);
    await login(user.email, password, newAddress()).expect(200);
    // What others got wrong is not forgotten because of that, nor seen to be.
    await login(user.email, wrong, newAddress()).expect(401);
    await login(user.email, password, newAddress()).expect(429).expect('retry-after', '8');
  });

  it('is not locked where its owner has signed in before: there are waits of its own', async () => {
    const [user, home] = [await newUser(free), newAddress()];
    await login(user.email, password, home).expect(200);
    for (let i = 0; i < 3; i++) await login(user.email, wrong, newAddress()).expect(401);
    await login(user.email, wrong, newAddress()).expect(429);
    for (let i = 0; i < 2; i++) await login(user.email, wrong, home).expect(401);
    await login(user.email, password, home).expect(200);
    for (let i = 0; i < 3; i++) await login(user.email, wrong, home).expect(401);
    await login(user.email, password, home).expect(429).expect('retry-after', '1');
  });

  it('is not guessed at more often by guessing at once, on two instances', async () => {
    const user = await newUser(free);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => login(user.email, wrong, newAddress(), i % 2 ? app : elsewhere)),
    );
    expect(statuses(answers).sort()).toEqual([...Array<number>(3).fill(401), ...Array<number>(9).fill(429)]);
  });

  it('is one account in every spelling, and there need be none', async () => {
    const user = await newUser(free, { email: 'jos\u00e9@example.com' });
    for (const spelling of ['jos\u00e9@example.com', 'JOSE\u0301@example.com ', 'Jos\u00e9@EXAMPLE.com']) {
      await login(spelling, wrong, newAddress()).expect(401);
    }
    const known = await login(user.email, wrong, newAddress()).expect(429);
    for (let i = 0; i < 3; i++) await login('nobody@example.com', wrong, newAddress()).expect(401);
    const unknown = await login('nobody@example.com', wrong, newAddress()).expect(429);
    const seen = ({ body, headers }: Response) => {
      const { ratelimit, 'ratelimit-policy': policy } = headers as Record<string, string>;
      return { ...(body as object), request_id: '', ratelimit, policy };
    };
    expect(seen(unknown)).toEqual(seen(known));
  });

  it('is forgiven when nobody tries for a while', async () => {
    const user = await newUser(free);
    for (let i = 0; i < 3; i++) await login(user.email, wrong, newAddress()).expect(401);
    await login(user.email, wrong, newAddress()).expect(429);
    await pass(3601);
    for (let i = 0; i < 3; i++) await login(user.email, wrong, newAddress()).expect(401);
  });

  it('takes no more guesses of its password by those who are signed in', async () => {
    const user = await newUser(free);
    const api = app.api.withToken(user.access_token);
    const change = { current_password: wrong, new_password: 'a cairn of other stones' };
    const guess = [
      () => api.post('/auth/password', change),
      () => api.delete('/users/me', { password: wrong }),
      () => api.patch('/users/me', { email: 'x@example.com', current_password: wrong }),
    ];
    for (const call of guess) await call().set('x-forwarded-for', newAddress()).expect(403);
    for (const call of guess) await call().set('x-forwarded-for', newAddress()).expect(429);
    await pass(1);
    await api
      .post('/auth/password', { ...change, current_password: password })
      .set('x-forwarded-for', newAddress())
      .expect(204);
  });

  it('is free again when its password was reset', async () => {
    const user = await newUser(free);
    for (let i = 0; i < 3; i++) await login(user.email, wrong, newAddress()).expect(401);
    await login(user.email, wrong, newAddress()).expect(429);
    await forgot(user.email, newAddress(), free).expect(202);
    const token = await free.mailbox.token(user.email, /A new password/);
    await app.api
      .post('/auth/password/reset', { token, new_password: 'a cairn of other stones' })
      .set('x-forwarded-for', newAddress())
      .expect(204);
    await login(user.email, 'a cairn of other stones', newAddress()).expect(200);
  });

  it('is free again then where its owner was known too, by both its names', async () => {
    const [user, home] = [await newUser(free, { username: 'Homely' }), newAddress()];
    await login(user.email, password, home).expect(200);
    const byName = (word: string) =>
      app.api.post('/auth/login', { username: 'homely', password: word }).set('x-forwarded-for', home);
    for (const tries of [() => login(user.email, wrong, home), () => byName(wrong)]) {
      for (let i = 0; i < 3; i++) await tries().expect(401);
      await tries().expect(429);
    }
    await forgot(user.email, home, free).expect(202);
    const token = await free.mailbox.token(user.email, /A new password/);
    await app.api
      .post('/auth/password/reset', { token, new_password: 'a cairn of other stones' })
      .set('x-forwarded-for', home)
      .expect(204);
    await login(user.email, wrong, home).expect(401);
    await byName('a cairn of other stones').expect(200);
  });
});

describe('an address', () => {
  it('tries so many passwords, of whatever accounts and right or wrong, on all instances', async () => {
    const [user, address] = [await newUser(free), newAddress()];
    const tries: Promise<Response>[] = [];
    for (let i = 0; i < 24; i++) {
      const on = i % 2 ? app : elsewhere;
      tries.push(
        i % 3
          ? login(`nobody${i}@example.com`, wrong, address, on).then()
          : login(user.email, password, address, on).then(),
      );
      await tries.at(-1);
    }
    const answers = await Promise.all(tries);
    expect(statuses(answers.slice(20))).toEqual([429, 429, 429, 429]);
    expect(statuses(answers.slice(0, 20))).not.toContain(429);
    const { 'retry-after': retryAfter } = answers[20]!.headers as Record<string, string>;
    expect(Number(retryAfter)).toBeGreaterThan(890);
    await login(user.email, password, newAddress()).expect(200);
    await pass(901);
    await login(user.email, password, address).expect(200);
  });

  it('of IPv6 is its /64; one of IPv4 is the same in both notations', async () => {
    const [email, site] = ['nobody-v6@example.com', '2001:db8:1:2'];
    for (let i = 0; i < 20; i++) await login(`${i}${email}`, wrong, `${site}:${i}::${i}`).expect(401);
    await login(`x${email}`, wrong, `${site}:ffff:1:2:3`).expect(429);
    await login(`y${email}`, wrong, '2001:db8:1:3::1').expect(401);
    const address = newAddress();
    for (let i = 0; i < 20; i++) {
      await login(`${i}z${email}`, wrong, i % 2 ? address : `::ffff:${address}`).expect(401);
    }
    await login(`zz${email}`, wrong, `::ffff:${address}`).expect(429);
    await login(`zzz${email}`, wrong, '::ffff:203.0.113.7').expect(401);
  });

  it('is not what a client says of itself', async () => {
    const direct = await startApp({ ...environment, TRUST_PROXY: '', RATE_LIMIT_PASSWORD_ADDRESS: '2/900' });
    try {
      for (let i = 0; i < 3; i++) {
        const answer = direct.api
          .post('/auth/login', { email: `nobody${i}@example.com`, password: wrong })
          .set('x-forwarded-for', newAddress())
          .set('forwarded', `for=${newAddress()}`)
          .set('x-real-ip', newAddress());
        await answer.expect(i < 2 ? 401 : 429);
      }
    } finally {
      await direct.close();
    }
  });

  it('that is none counts as one and the same', async () => {
    for (let i = 0; i < 20; i++) await login(`odd${i}@example.com`, wrong, `not an address ${i}`).expect(401);
    const address = newAddress();
    for (let i = 0; i < 20; i++)
      await login(`port${i}@example.com`, wrong, `${address}:${5000 + i}`).expect(401);
    await login('port@example.com', wrong, address).expect(429);
    await login('odd@example.com', wrong, 'neither').expect(429);
  });
});

describe('mails', () => {
  it('go to one mailbox slower and slower, whether it is an account’s or not', async () => {
    const user = await newUser(free);
    for (const email of [user.email, 'no-account@example.com']) {
      for (let i = 0; i < 2; i++) await forgot(email, newAddress()).expect(202);
      await forgot(email, newAddress(), elsewhere).expect(429).expect('retry-after', '1');
      await pass(1);
      await forgot(email, newAddress()).expect(202);
      await forgot(email, newAddress()).expect(429).expect('retry-after', '2');
    }
    const api = app.api.withToken(user.access_token);
    await api.post('/auth/email/verification').set('x-forwarded-for', newAddress()).expect(429);
  });

  it('are not had by moving an account from one address to another', async () => {
    const user = await newUser(free);
    const api = app.api.withToken(user.access_token);
    const move = (email: string) =>
      api.patch('/users/me', { email, current_password: password }).set('x-forwarded-for', newAddress());
    await move('victim@example.com').expect(200);
    await move('elsewhere@example.com').expect(200);
    await move('victim@example.com').expect(429);
    await forgot('victim@example.com', newAddress()).expect(429);
  });

  it('are not used up by others who try to take the address', async () => {
    const user = await newUser(free);
    for (let i = 0; i < 4; i++) {
      await app.api
        .post('/auth/register', { email: user.email, password })
        .set('x-forwarded-for', newAddress())
        .expect(409);
    }
    const thief = await newUser(free);
    for (let i = 0; i < 4; i++) {
      await app.api
        .withToken(thief.access_token)
        .patch('/users/me', { email: user.email, current_password: password })
        .set('x-forwarded-for', newAddress())
        .expect(409);
    }
    await forgot(user.email, newAddress()).expect(202);
  });

  it('are asked for by one address so many times: signing up counts', async () => {
    const address = newAddress();
    for (let i = 0; i < 3; i++) {
      await app.api
        .post('/auth/register', { email: `signup${i}@example.com`, password })
        .set('x-forwarded-for', address)
        .expect(201);
      await forgot(`other${i}@example.com`, address).expect(202);
    }
    await forgot('last@example.com', address).expect(429);
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

describe('a user', () => {
  let small: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    const few = { ...environment, RATE_LIMIT_USER: '10/600' };
    small = await startApp({ ...few, DATABASE_URL: app.databaseUrl });
    other = await startApp({ ...few, DATABASE_URL: app.databaseUrl });
  });
  afterAll(async () => {
    await other.close();
    await small.close();
  });

  const get = (on: TestApp, token: string) => on.api.withToken(token).get('/tasks');

  it('asks so often, on all instances together, with all sessions and tokens; others are not touched', async () => {
    const [user, neighbour] = [await newUser(free), await newUser(free)];
    const session = await signIn(free, user.email);
    const { token } = await newPersonalToken(user);
    const left: string[] = [];
    const bearers = [user.access_token, session.access_token, token];
    for (let i = 0; i < 10; i++) {
      const { headers } = await get(i % 2 ? small : other, bearers[i % 3]!).expect(200);
      left.push((headers as Record<string, string>).ratelimit!.replace(/;t=\d+$/, ''));
    }
    expect(left).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((remaining) => `"user";r=${remaining}`));
    for (const on of [small, other]) {
      for (const bearer of bearers) {
        const { headers } = await get(on, bearer).expect(429).expect('ratelimit-policy', '"user";q=10;w=600');
        expect(Number((headers as Record<string, string>)['retry-after'])).toBeGreaterThan(590);
      }
    }
    await get(small, neighbour.access_token).expect(200);
    await get(free, user.access_token).expect(200);
  });

  it('gets no more by asking at once', async () => {
    const user: TestUser = await newUser(free);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => get(i % 2 ? small : other, user.access_token)),
    );
    expect(statuses(answers).filter((status) => status === 200)).toHaveLength(10);
    expect(statuses(answers).filter((status) => status === 429)).toHaveLength(20);
  });

  it('gets exactly the quota, also where it is handed out in parts that do not fit', async () => {
    const odd = await startApp({ ...environment, RATE_LIMIT_USER: '110/600', DATABASE_URL: app.databaseUrl });
    try {
      const user = await newUser(free);
      const answers: Response[] = [];
      for (let i = 0; i < 13; i++) {
        answers.push(...(await Promise.all(Array.from({ length: 10 }, () => get(odd, user.access_token)))));
      }
      expect(statuses(answers).filter((status) => status === 200)).toHaveLength(110);
      // An instance with a larger quota refuses too, and does not ask for ever.
      await get(app, user.access_token).expect(429);
    } finally {
      await odd.close();
    }
  });

  it('loses nothing to sessions and tokens that have ended', async () => {
    const user = await newUser(free);
    const ended = await signIn(free, user.email);
    const { token, id } = await newPersonalToken(user);
    await get(small, token).expect(200);
    await ended.api.post('/auth/logout').expect(204);
    await user.api.delete(`/auth/tokens/${id}`).expect(204);
    for (let i = 0; i < 12; i++) await get(small, i % 2 ? token : ended.access_token).expect(401);
    for (let i = 0; i < 9; i++) await get(small, user.access_token).expect(200);
    await get(small, user.access_token).expect(429);
  });

  it('refreshes as often as that', async () => {
    const user = await newUser(free);
    let { refresh_token } = user;
    for (let i = 0; i < 10; i++) {
      const { body } = await small.api.post('/auth/refresh', { refresh_token }).expect(200);
      ({ refresh_token } = body as TestUser);
    }
    await small.api.post('/auth/refresh', { refresh_token }).expect(429);
  });

  it('is not counted by tokens that are not valid', async () => {
    const user = await newUser(free);
    for (let i = 0; i < 12; i++) await get(small, `${user.access_token.slice(0, -4)}AAAA`).expect(401);
    await get(small, user.access_token).expect(200);
  });
});

it('that fail while a session ends leave the application running', async () => {
  const user = await newUser(free);
  const ended = await signIn(free, user.email);
  await ended.api.post('/auth/logout').expect(204);
  const one = await startApp({ ...environment, RATE_LIMIT_USER: '1/600', DATABASE_URL: app.databaseUrl });
  try {
    const client = await app.database.connect();
    const first = one.api.withToken(ended.access_token).get('/tasks').then();
    await client.query('BEGIN; LOCK TABLE rate_limits');
    const second = one.api.withToken(user.access_token).get('/tasks').then();
    expect([401, 503]).toContain((await first).status);
    expect([200, 503]).toContain((await second).status);
    await client.query('ROLLBACK');
    client.release();
    await one.api.get('//health').expect(200);
  } finally {
    await one.close();
  }
});

it('are forgotten in the database when they are over', async () => {
  await app.database.query(
    `INSERT INTO rate_limits VALUES ('old:${'x'.repeat(43)}', 1, now() - interval '2 s', now() - interval '1 s')`,
  );
  const purger = await startApp({ ...environment, DATABASE_URL: app.databaseUrl });
  while ((await app.database.query(`SELECT FROM rate_limits WHERE key LIKE 'old:%'`)).rowCount);
  await purger.close();
});

it('outlive a restart', async () => {
  const user = await newUser(free);
  const first = await startApp({ ...environment, DATABASE_URL: app.databaseUrl });
  for (let i = 0; i < 3; i++) await login(user.email, wrong, newAddress(), first).expect(401);
  await first.close();
  const second = await startApp({ ...environment, DATABASE_URL: app.databaseUrl });
  await login(user.email, password, newAddress(), second).expect(429);
  await second.close();
});

it('are not switched off where they cannot be asked', async () => {
  const user = await newUser(free);
  await app.database.query('ALTER TABLE rate_limits RENAME TO rate_limits_gone');
  try {
    await login(user.email, password, newAddress()).expect(503);
    await forgot(user.email, newAddress()).expect(503);
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

it('keep no name or address that could be read', async () => {
  await login('secret-typed-as-name', wrong, '198.51.100.77').expect(401);
  const { rows } = await app.database.query<{ key: string }>('SELECT key FROM rate_limits');
  expect(rows.length).toBeGreaterThan(10);
  for (const { key } of rows) expect(key).toMatch(/^[a-z-]+:[\w-]{43}$/);
});

it('can be off, one by one or all', async () => {
  const some = await startApp({
    ...environment,
    RATE_LIMIT_PASSWORD_ACCOUNT: 'off',
    RATE_LIMIT_USER: 'off',
    DATABASE_URL: app.databaseUrl,
  });
  try {
    const [user, address] = [await newUser(free), newAddress()];
    for (let i = 0; i < 5; i++) {
      const { headers } = await login(user.email, wrong, address, some).expect(401);
      expect(headers).toMatchObject({ 'ratelimit-policy': '"password-address";q=20;w=900' });
    }
    const { headers } = await get(some, user);
    expect(headers).not.toHaveProperty('ratelimit');
    for (let i = 0; i < 10; i++) await login(user.email, wrong, address, free).expect(401);
    await newTask({ ...user, api: free.api.withToken(user.access_token) });
  } finally {
    await some.close();
  }
  async function get(on: TestApp, user: TestUser): Promise<Response> {
    return on.api.withToken(user.access_token).get('/tasks').expect(200);
  }
});
