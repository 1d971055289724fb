import { Pool } from 'pg';
import { newDatabase, TestApp } from '../setup/app';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { startInProduction } from '../setup/production-app';
import { onDatabase } from '../setup/server';

const password = 'a cairn of many stones';
const email = 'logs@example.com';
type Entry = Record<string, unknown>;

let databaseUrl: string;
beforeAll(async () => (databaseUrl = await newDatabase()));

/** Registers the account unless it exists. @returns the tokens of a new session, and the user */
async function signIn(url: string, headers: Record<string, string> = {}): Promise<Entry> {
  await call(url, 'POST', '/auth/register', { email, password });
  return (await call(url, 'POST', '/auth/login', { email, password }, headers)).body;
}

/** Starts the application, with a signal that makes it fail. */
async function start(environment: NodeJS.ProcessEnv = {}) {
  const app = await startInProduction(databaseUrl, `throw new Error('a bug, for the test')`, environment);
  const entries = () =>
    app
      .standardOutput()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry);
  return { ...app, entries };
}

async function call(
  url: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<{ response: Response; body: Entry }> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { response, body: (text === '' ? {} : JSON.parse(text)) as Entry };
}

it('in production, every line is JSON, from the first message to an uncaught error, and no line contains a secret', async () => {
  const app = await start({ LOG_LEVEL: 'debug', SQL_ECHO: 'true', SLOW_STATEMENT_MS: '1' });
  const tokens = await signIn(app.url);
  const authorization = `Bearer ${tokens.access_token as string}`;
  const created = await call(
    app.url,
    'POST',
    '/auth/tokens',
    { name: 'Feed', scopes: ['read'] },
    { authorization },
  );
  const token = created.body.token as string;
  const calendar = await fetch(`${app.url}/api/v1/calendar.ics?token=${token}`, {
    headers: { cookie: 'session=hunter2' },
  });
  expect(calendar.status).toBe(200);
  await call(app.url, 'GET', `/tasks/${token}`, undefined, { authorization });
  await call(app.url, 'POST', '/auth/login', { email: 'hunter2 in the wrong field', password: 'hunter2' });
  await call(app.url, 'GET', '/%0d%0a%1b%5b31mnowhere');
  await onDatabase(databaseUrl, (client) => client.query('ALTER TABLE tasks RENAME TO hidden'));
  expect((await call(app.url, 'GET', '/tasks', undefined, { authorization })).response.status).toBe(500);
  await onDatabase(databaseUrl, (client) => client.query('ALTER TABLE hidden RENAME TO tasks'));
  await app.waitForOutput(/GET \/api\/v1\/tasks 500/);
  app.process.kill('SIGUSR2');
  expect(await app.ended).toBe(1);

  const entries = app.entries();
  for (const entry of entries) {
    expect(entry).toMatchObject({
      level: expect.any(String),
      time: expect.any(String),
      msg: expect.any(String),
    });
  }
  expect(entries.at(-1)).toMatchObject({ level: 'fatal', msg: 'Error: a bug, for the test' });
  expect(entries).toContainEqual(
    expect.objectContaining({ level: 'error', msg: expect.stringContaining('"tasks" does not exist') }),
  );
  for (const secret of [
    password,
    'hunter2',
    token,
    tokens.access_token as string,
    tokens.refresh_token as string,
    'x'.repeat(32),
    new URL(databaseUrl).password,
  ]) {
    expect(app.output().includes(secret)).toBe(false);
  }
});

it('each request is one entry with its route, its user and its duration', async () => {
  const app = await start({ SLOW_REQUEST_MS: '600000' });
  const tokens = await signIn(app.url);
  const user = tokens.user as { id: string };
  const authorization = `Bearer ${tokens.access_token as string}`;
  const id = '01890000-0000-7000-8000-000000000000';
  const { response } = await call(app.url, 'GET', `/tasks/${id}?x=secret`, undefined, { authorization });
  await call(app.url, 'GET', '/nowhere');
  await app.waitForOutput(/GET \/api\/v1\/nowhere 404/);
  const requests = app.entries().filter(({ context }) => context === 'Request');
  const common = { level: 'info', context: 'Request', address: '127.0.0.1' };
  const time = expect.any(String) as string;
  expect(requests.slice(2)).toEqual([
    {
      ...common,
      time,
      duration_ms: expect.any(Number) as number,
      msg: `GET /api/v1/tasks/${id} 422`,
      method: 'GET',
      route: '/api/v1/tasks/:id',
      status: 422,
      request_id: response.headers.get('x-request-id'),
      user_id: user.id,
    },
    {
      ...common,
      time,
      duration_ms: expect.any(Number) as number,
      msg: 'GET /api/v1/nowhere 404',
      method: 'GET',
      status: 404,
      request_id: expect.any(String) as string,
    },
  ]);
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
});

it('slow requests and statements are warnings', async () => {
  const app = await start({ SLOW_REQUEST_MS: '1', SLOW_STATEMENT_MS: '1' });
  const headers = { 'x-request-id': 'slow-1' };
  const tokens = await signIn(app.url, headers);
  await app.waitForOutput(/POST \/api\/v1\/auth\/login 200/);
  const ofRequest = app.entries().filter(({ request_id }) => request_id === 'slow-1');
  expect(ofRequest).toContainEqual(
    expect.objectContaining({ level: 'warn', context: 'Request', is_slow: true, status: 200 }),
  );
  const authorization = `Bearer ${tokens.access_token as string}`;
  const database = { database: new Pool({ connectionString: databaseUrl }) } as TestApp;
  const unblock = await blockWrites(database, 'INSERT ON tasks');
  const creation = call(
    app.url,
    'POST',
    '/tasks',
    { title: 'hunter2' },
    { authorization, 'x-request-id': 'slow-2' },
  );
  await waitForLockWaits(database, 1);
  // The time of the INSERT begins when the application has received the result of BEGIN.
  await (await fetch(`${app.url}/health/ready`)).text();
  await unblock();
  await creation;
  await database.database.end();
  await app.waitForOutput(/POST \/api\/v1\/tasks 201/);
  expect(app.entries()).toContainEqual({
    level: 'warn',
    time: expect.any(String) as string,
    context: 'SQL',
    request_id: 'slow-2',
    msg: 'Slow statement',
    kind: 'insert',
    duration_ms: expect.any(Number) as number,
    text: expect.stringMatching(/^INSERT INTO "?tasks/) as string,
  });
  expect(app.output()).not.toContain('hunter2');
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
});

it('events that matter for security are entries with the user and the address', async () => {
  const app = await start();
  await signIn(app.url);
  const other = 'events@example.com';
  const { body: account } = await call(app.url, 'POST', '/auth/register', { email: other, password });
  const userId = account.id as string;
  await call(app.url, 'POST', '/auth/login', { email: other, password: 'a wrong password' });
  await call(app.url, 'POST', '/auth/login', { email: 'nobody@example.com', password });
  const { body: tokens } = await call(app.url, 'POST', '/auth/login', { email: other, password });
  const headers = { authorization: `Bearer ${tokens.access_token as string}` };
  const { body: token } = await call(
    app.url,
    'POST',
    '/auth/tokens',
    { name: 'A', scopes: ['read'] },
    headers,
  );
  await call(app.url, 'DELETE', `/auth/tokens/${token.id as string}`, undefined, headers);
  const change = { current_password: password, new_password: 'another pile of stones' };
  await call(app.url, 'POST', '/auth/password', { ...change, current_password: 'a wrong one' }, headers);
  await call(app.url, 'POST', '/auth/password', change, headers);
  await call(app.url, 'DELETE', '/auth/sessions', undefined, headers);
  await onDatabase(databaseUrl, (client) =>
    client.query('UPDATE users SET is_superuser = true WHERE id = $1', [userId]),
  );
  const { rows } = await onDatabase(databaseUrl, (client) =>
    client.query<{ id: string }>('SELECT id FROM users WHERE email = $1', [email]),
  );
  const subjectId = rows[0]!.id;
  await call(app.url, 'PATCH', `/users/${subjectId}`, { is_superuser: true }, headers);
  await call(app.url, 'DELETE', `/users/${subjectId}/sessions`, undefined, headers);
  await call(app.url, 'POST', '/auth/logout', undefined, headers);
  const refresh = { refresh_token: tokens.refresh_token };
  expect((await call(app.url, 'POST', '/auth/refresh', refresh)).response.status).toBe(401);
  await app.waitForOutput(/POST \/api\/v1\/auth\/refresh 401/);

  const ofUser = { user_id: userId };
  const ofSession = { ...ofUser, session_id: expect.any(String) as string };
  const events = app
    .entries()
    .filter(({ context }) => context === 'Security')
    .slice(-13);
  expect(
    events.map(({ event, user_id, address, subject_id, session_id, token_id, is_superuser }) => ({
      ...{ event, user_id, address, subject_id, session_id, token_id, is_superuser },
    })),
  ).toEqual(
    [
      { event: 'account_created', ...ofUser },
      { event: 'sign_in_failed', ...ofUser },
      { event: 'sign_in_failed' },
      { event: 'sign_in', ...ofSession },
      { event: 'token_created', ...ofUser, token_id: token.id },
      { event: 'token_revoked', ...ofUser, token_id: token.id },
      { event: 'password_wrong', ...ofUser },
      { event: 'password_changed', ...ofUser },
      { event: 'sessions_revoked', ...ofUser },
      { event: 'rights_changed', ...ofUser, subject_id: subjectId, is_superuser: true },
      { event: 'sessions_revoked', ...ofUser, subject_id: subjectId },
      { event: 'session_revoked', ...ofSession },
      { event: 'session_refresh_refused', ...ofSession },
    ].map((event) => ({ ...event, address: '127.0.0.1' })),
  );
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
});

it('valid X-Request-Id and traceparent headers are taken over, others are not', async () => {
  const app = await start();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const send = async (headers: Record<string, string>) => {
    const { response } = await call(app.url, 'GET', '/tasks', undefined, headers);
    return [response.headers.get('x-request-id'), response.headers.get('traceparent')];
  };
  expect(await send({ 'x-request-id': 'web-17.a:b_c', traceparent })).toEqual(['web-17.a:b_c', traceparent]);
  const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
  for (const invalid of ['', 'a b', 'a"b', 'é', 'a'.repeat(101)]) {
    expect(await send({ 'x-request-id': invalid })).toEqual([uuid, null]);
  }
  const zeros = `00-${'0'.repeat(32)}-b7ad6b7169203331-01`;
  for (const invalid of ['x', traceparent.toUpperCase(), zeros, `${traceparent}-more`]) {
    expect(await send({ traceparent: invalid })).toEqual([uuid, null]);
  }
  await app.waitForOutput(/"request_id":"web-17.a:b_c"/);
  expect(app.entries()).toContainEqual(
    expect.objectContaining({
      context: 'Request',
      request_id: 'web-17.a:b_c',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
    }),
  );
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
});
