import { IncomingMessage, request } from 'node:http';
import { startApp, TestApp } from '../setup/app';
import { ids, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app);
});
afterAll(() => app.close());

interface ProblemResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: { code?: string; errors?: { field: string; code: string }[] };
}

/** Sends a request unchanged, and checks that the response is a problem. */
async function send(
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<ProblemResponse> {
  const { response, text } = await new Promise<{ response: IncomingMessage; text: string }>(
    (resolve, reject) => {
      const call = request(app.url, {
        method,
        path, // unchanged: URL would normalize it
        headers: {
          authorization: `Bearer ${user.access_token}`,
          'content-type': 'application/json',
          ...headers,
        },
      });
      call.on('error', reject).on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ response, text: Buffer.concat(chunks).toString() }));
      });
      call.end(body);
    },
  );
  expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  const problem = {
    status: response.statusCode!,
    headers: response.headers,
    body: JSON.parse(text) as ProblemResponse['body'],
  };
  app.contract.check(method, path, { ...problem, type: 'application/problem+json', text });
  return problem;
}

/** The field errors of a problem, as `field code`. */
const fieldErrors = (problem: { body: unknown }) =>
  (problem.body as ProblemResponse['body']).errors?.map(({ field, code }) => `${field} ${code}`);

describe('a request without a valid token', () => {
  const path = '/api/v1/tasks/batch';
  it.each([
    ['no token', ''],
    ['another scheme', 'Basic eDp5'],
    ['a token with a wrong signature', 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA'],
    ['an unknown personal access token', `Bearer cairn_${'x'.repeat(43)}`],
  ])('is refused before its body is read, with %s', async (_case, authorization) => {
    // Only the start of the body is sent.
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization, 'content-type': 'application/json', 'content-length': '1000000' };
      const call = request(app.url, { method: 'POST', path, headers, agent: false });
      call.on('error', reject).on('response', (early) => {
        call.on('error', () => undefined).destroy();
        resolve(early);
      });
      call.write('{');
    });
    expect(response.statusCode).toBe(401);
    expect(response.headers['www-authenticate']).toMatch(/^Bearer/);
    for (const body of ['{', '[]', 'x'.repeat(70_000)]) {
      const problem = await send('POST', '/api/v1/tasks', body, { authorization });
      expect([problem.status, problem.body.code]).toEqual([401, 'unauthorized']);
    }
  });

  it('is told about its body on public routes', async () => {
    expect((await send('POST', '/api/v1/auth/login', '{', { authorization: '' })).status).toBe(400);
    expect((await send('POST', '/api/v1/auth/login', 'x'.repeat(70_000), { authorization: '' })).status).toBe(
      413,
    );
  });
});

describe('a request body', () => {
  it.each<[string, string | Buffer, number, string[] | undefined]>([
    ['that is truncated', '{"title":', 400, undefined],
    ['that is not JSON', 'title=x', 400, undefined],
    ['with a comment', '{"title":"x"/**/}', 400, undefined],
    ['with NaN', '{"title":"x","estimated_hours":NaN}', 400, undefined],
    [
      'in invalid UTF-8',
      Buffer.from([...Buffer.from('{"title":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
      400,
      undefined,
    ],
    ['in UTF-16', Buffer.from('{"title":"x"}', 'utf16le'), 400, undefined],
    ['that is an array', '[{"title":"x"}]', 422, [' type']],
    ['that is null', 'null', 422, [' type']],
    ['that is a number', '1', 422, [' type']],
    ['that is text', '"title"', 422, [' type']],
    ['that is empty', '', 422, ['title required']],
    ['that is {}', '{}', 422, ['title required']],
    ['with a duplicate key', '{"title":"x","title":"y"}', 422, ['title duplicate_key']],
    ['with a duplicate key, once escaped', '{"title":"x","\\u0074itle":"y"}', 422, ['title duplicate_key']],
    ['with __proto__', '{"title":"x","__proto__":{"priority":1}}', 422, ['__proto__ unknown_field']],
    [
      'with constructor',
      '{"title":"x","constructor":{"prototype":{"a":1}}}',
      422,
      ['constructor unknown_field'],
    ],
    ['with 3,000 levels', `{"title":${'['.repeat(3000)}${']'.repeat(3000)}}`, 422, [' too_deep']],
    [
      'with 2,000 keys',
      `{${Array.from({ length: 2000 }, (_, i) => `"k${i}":1`).join()}}`,
      422,
      [' too_many_keys'],
    ],
    [
      'with 20,000 empty arrays',
      `{"title":"x","tags":[${'[],'.repeat(20_000)}[]]}`,
      422,
      [' too_many_values'],
    ],
    ['with 5,001 values', `{"title":"x","tags":[${'1,'.repeat(4997)}1]}`, 422, [' too_many_values']],
    ['with 5,000 values', `{"title":"x","tags":[${'1,'.repeat(4996)}1]}`, 422, ['tags invalid_text']],
    ['with toString', '{"title":"x","toString":1}', 422, ['toString unknown_field']],
    ['with prototype', '{"title":"x","prototype":{"a":1}}', 422, ['prototype unknown_field']],
    ['with a lone surrogate as a key', '{"title":"x","\\ud800":1}', 422, ['\ufffd unknown_field']],
    ['with a nested owner', '{"title":"x","user":{"id":"1"}}', 422, ['user unknown_field']],
  ])('%s is refused', async (_case, body, status, expected) => {
    const problem = await send('POST', '/api/v1/tasks', body);
    expect([problem.status, fieldErrors(problem)]).toEqual([status, expected]);
    expect(await ids(user, '/tasks')).toEqual([]);
  });

  it.each([
    ['application/x-www-form-urlencoded', 'title=x'],
    ['text/plain', '{"title":"x"}'],
    ['application/json; charset=utf-16', '{"title":"x"}'],
    ['application/json; charset = utf-16', '{"title":"x"}'],
    ['multipart/form-data; boundary=x', '--x--'],
    ['application/jsonp', '{"title":"x"}'],
    ['nonsense', '{"title":"x"}'],
  ])('of type %s is refused', async (type, body) => {
    const problem = await send('POST', '/api/v1/tasks', body, { 'content-type': type });
    expect([problem.status, problem.body.code]).toEqual([415, 'unsupported_media_type']);
  });

  it('above 64 KiB is refused', async () => {
    const fits = JSON.stringify({ title: 'x', description: 'y'.repeat(20_000) });
    await user.api.post('/tasks', JSON.parse(fits) as object).expect(201);
    expect((await send('POST', '/api/v1/tasks', JSON.stringify({ title: 'x'.repeat(70_000) }))).status).toBe(
      413,
    );
    expect(
      (await send('POST', '/api/v1/tasks', JSON.stringify({ title: 'x'.repeat(2_000_000) }))).status,
    ).toBe(413);
  });

  it('may have the type of a merge patch', async () => {
    const task = await newTask(user);
    await user.api
      .patch(`/tasks/${task.id}`)
      .type('application/merge-patch+json')
      .send('{"title":"New"}')
      .expect(200);
  });
});

const longText = (length: number) => '🪨'.repeat(length);

describe('a request for a task', () => {
  it.each<[object, string]>([
    [{ title: '' }, 'title blank'],
    [{ title: '   \t\n ' }, 'title blank'],
    [{ title: '\u200b\u200d\ufeff\u2060' }, 'title blank'],
    [{ title: '\u3164\u00a0' }, 'title blank'],
    [{ title: '\ufe0f\u034f\u180b' }, 'title blank'],
    [{ category: '' }, 'category blank'],
    [{ title: null }, 'title required'],
    [{ title: 1 }, 'title type'],
    [{ title: ['x'] }, 'title type'],
    [{ title: { $gt: '' } }, 'title type'],
    [{ title: longText(501) }, 'title too_long'],
    [{ title: 'a\0b' }, 'title invalid_text'],
    [{ title: 'a\ud800' }, 'title invalid_text'],
    [{ description: 'x'.repeat(20_001) }, 'description too_long'],
    [{ notes: false }, 'notes type'],
    [{ status: 'open sesame' }, 'status not_allowed'],
    [{ status: null }, 'status required'],
    [{ status: 1 }, 'status not_allowed'],
    [{ status: 'constructor' }, 'status not_allowed'],
    [{ completed: 'true' }, 'completed type'],
    [{ completed: null }, 'completed required'],
    [{ priority: 0 }, 'priority not_allowed'],
    [{ priority: 6 }, 'priority not_allowed'],
    [{ priority: 2.5 }, 'priority not_allowed'],
    [{ priority: 2147483648 }, 'priority not_allowed'],
    [{ priority: 1e21 }, 'priority not_allowed'],
    [{ priority: null }, 'priority required'],
    [{ category: 'x'.repeat(101) }, 'category too_long'],
    [{ due_date: '2026-02-30' }, 'due_date invalid_date'],
    [{ due_date: '2026-02-30T00:00:00Z' }, 'due_date invalid_date'],
    [{ due_date: '2026-13-01' }, 'due_date invalid_date'],
    [{ due_date: '2025-02-29' }, 'due_date invalid_date'],
    [{ due_date: '2026-01-01T24:00:00Z' }, 'due_date invalid_date'],
    [{ due_date: '2026-01-01T12:60:00Z' }, 'due_date invalid_date'],
    [{ due_date: '2026-01-01T12:00:00+25:00' }, 'due_date invalid_date'],
    [{ due_date: '2026-01-01T12:00:00' }, 'due_date invalid_date'],
    [{ due_date: '0000-01-01' }, 'due_date invalid_date'],
    [{ due_date: '1899-12-31' }, 'due_date invalid_date'],
    [{ due_date: '+275760-09-13T00:00:00Z' }, 'due_date invalid_date'],
    [{ due_date: '9999-12-31T23:59:59-12:00' }, 'due_date invalid_date'],
    [{ due_date: '2026' }, 'due_date invalid_date'],
    [{ due_date: '2026-W01' }, 'due_date invalid_date'],
    [{ due_date: 'infinity' }, 'due_date invalid_date'],
    [{ due_date: 'now' }, 'due_date invalid_date'],
    [{ due_date: 'tomorrow' }, 'due_date invalid_date'],
    [{ due_date: 1767225600 }, 'due_date invalid_date'],
    [{ due_date: '' }, 'due_date invalid_date'],
    [{ estimated_hours: -1 }, 'estimated_hours out_of_range'],
    [{ estimated_hours: 1e21 }, 'estimated_hours out_of_range'],
    [{ estimated_hours: 1.005 }, 'estimated_hours too_precise'],
    [{ estimated_hours: '2' }, 'estimated_hours type'],
    [{ actual_hours: 100_000.01 }, 'actual_hours out_of_range'],
    [{ goal_id: 'x' }, 'goal_id invalid_id'],
    [{ goal_id: 1 }, 'goal_id invalid_id'],
    [{ goal_id: '01a1fc21db4772dbb5fbcb2dbd3c58f3' }, 'goal_id invalid_id'],
    [{ parent_task_id: '{01a1fc21-db47-72db-b5fb-cb2dbd3c58f3}' }, 'parent_task_id invalid_id'],
    [{ project_name: 'x'.repeat(201) }, 'project_name too_long'],
    [{ repository_path: 'x'.repeat(501) }, 'repository_path too_long'],
    [{ user_id: '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3' }, 'user_id unknown_field'],
    [{ Title: 'x' }, 'Title unknown_field'],
  ])('with %j is refused for creating and updating', async (invalid, expected) => {
    const task = await newTask(user);
    const before = await ids(user, '/tasks');
    for (const response of [
      await user.api.post('/tasks', { title: 'x', ...invalid }).expect(422),
      await user.api.patch(`/tasks/${task.id}`, invalid).expect(422),
      await user.api.put(`/tasks/${task.id}`, { description: 'not to be stored', ...invalid }).expect(422),
    ]) {
      expect(fieldErrors(response)).toEqual([expected]);
    }
    expect(await ids(user, '/tasks')).toEqual(before);
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toEqual(task);
  });

  it('with several errors names every invalid field', async () => {
    const response = await user.api
      .post('/tasks', { title: '', priority: 9, due_date: 'x', color: 'red' })
      .expect(422);
    expect(fieldErrors(response)?.sort()).toEqual([
      'color unknown_field',
      'due_date invalid_date',
      'priority not_allowed',
      'title blank',
    ]);
  });

  it('at the limits of the allowed values is stored exactly', async () => {
    const limits = {
      title: longText(500),
      due_date: '9999-12-31T23:59:59.999Z',
      estimated_hours: 100_000,
      actual_hours: 0.01,
      category: longText(100),
    };
    expect(await newTask(user, limits)).toMatchObject(limits);
    expect(await newTask(user, { due_date: '1900-01-01T00:00:00Z' })).toMatchObject({
      due_date: '1900-01-01T00:00:00.000Z',
    });
    expect(await newTask(user, { due_date: '2024-02-29' })).toMatchObject({
      due_date: '2024-02-29T23:59:59.999Z',
    });
  });

  it('with a plain date that ends after the last storable timestamp is refused', async () => {
    const west = await newUser(app, { timezone: 'America/Los_Angeles' });
    await west.api.post('/tasks', { title: 'x', due_date: '9999-12-31' }).expect(422);
    await newTask(west, { due_date: '9999-12-30' });
  });

  it('may contain its id in upper case', async () => {
    const task = await newTask(user);
    expect((await user.api.get(`/tasks/${task.id.toUpperCase()}`).expect(200)).body).toEqual(task);
  });
});

describe('a request for a goal', () => {
  it.each<[object, string]>([
    [{ title: ' ' }, 'title blank'],
    [{ horizon: 'daily' }, 'horizon not_allowed'],
    [{ status: 'blocked' }, 'status not_allowed'],
    [{ target_date: '2026-02-30' }, 'target_date invalid_date'],
    [{ progress: 100.01 }, 'progress out_of_range'],
    [{ progress: -1 }, 'progress out_of_range'],
    [{ metrics: [] }, 'metrics type'],
    [{ metrics: 'x' }, 'metrics type'],
    [{ metrics: { a: { b: ['x\0'] } } }, 'metrics not_storable'],
    [{ metrics: { a: [1e308] } }, 'metrics not_storable'],
    [{ metrics: { id: 2 ** 53 } }, 'metrics not_storable'],
    [{ metrics: { a: 'x'.repeat(20_000) } }, 'metrics too_long'],
    [{ metrics: { '\ud800': 1 } }, 'metrics not_storable'],
    [{ parent_goal_id: 'x' }, 'parent_goal_id invalid_id'],
    [{ completed: true }, 'completed unknown_field'],
  ])('with %j is refused for creating and updating', async (invalid, expected) => {
    const goal = await newGoal(user);
    expect(fieldErrors(await user.api.post('/goals', { title: 'x', ...invalid }).expect(422))).toEqual([
      expected,
    ]);
    expect(fieldErrors(await user.api.patch(`/goals/${goal.id}`, invalid).expect(422))).toEqual([expected]);
    expect((await user.api.get(`/goals/${goal.id}`).expect(200)).body).toEqual(goal);
  });

  it('stores metrics exactly, also text that looks like an escape sequence', async () => {
    const metrics = {
      'a\\u0000': '\\u0000 \\ud800',
      n: -1234567.125,
      deep: [[[{}]]],
      empty: '',
      nothing: null,
    };
    expect(await newGoal(user, { metrics })).toMatchObject({ metrics });
  });
});

describe('a query string', () => {
  it.each([
    ['limit=0', 'limit out_of_range'],
    ['limit=201', 'limit out_of_range'],
    ['limit=-1', 'limit out_of_range'],
    ['limit=1e18', 'limit out_of_range'],
    ['limit=1e1', 'limit out_of_range'],
    ['limit=', 'limit out_of_range'],
    ['limit=5&limit=6', 'limit out_of_range'],
    ['status=open%20sesame', 'status not_allowed'],
    ['status=pending,', 'status not_allowed'],
    ['status=none', 'status not_allowed'],
    ['status=pending&status=blocked', 'status not_allowed'],
    ['status[]=pending', 'status[] unknown_field'],
    ['priority=0', 'priority not_allowed'],
    ['priority=2147483648', 'priority not_allowed'],
    ['completed=yes', 'completed type'],
    ['goal_id=x', 'goal_id invalid_id'],
    ['category=', 'category invalid_text'],
    ['category=%00', 'category invalid_text'],
    ['q=', 'q too_short'],
    ['q=%00', 'q invalid_text'],
    ['q=' + 'x'.repeat(201), 'q too_long'],
    ['q=1 2 3 4 5 6 7 8 9 10 -"11"', 'q too_many'],
    ['sort=relevance', 'sort not_allowed'],
    ['sort=title,-relevance', 'sort not_allowed'],
    ['due_from=2026-02-30', 'due_from invalid_date'],
    ['due_before=infinity', 'due_before invalid_date'],
    ['due_date=2026-01-01', 'due_date not_allowed'],
    ['sort=', 'sort not_allowed'],
    ['sort=user_id', 'sort not_allowed'],
    ['sort=password_hash', 'sort not_allowed'],
    ['sort=title;DROP TABLE tasks', 'sort not_allowed'],
    ['sort=(SELECT 1)', 'sort not_allowed'],
    ['sort=title,-title', 'sort not_allowed'],
    ['sort=--title', 'sort not_allowed'],
    ['include=everything', 'include not_allowed'],
    ['trashed=maybe', 'trashed type'],
    ['user_id=01a1fc21-db47-72db-b5fb-cb2dbd3c58f3', 'user_id unknown_field'],
    ['__proto__=1', '__proto__ unknown_field'],
    ['valueOf=1', 'valueOf unknown_field'],
    ['page=2', 'page unknown_field'],
  ])('such as %s is refused', async (query, expected) => {
    expect(fieldErrors(await user.api.get(`/tasks?${query.replace(/ /g, '%20')}`).expect(422))).toEqual([
      expected,
    ]);
  });

  it('and a body are refused where a route takes none', async () => {
    const task = await newTask(user);
    expect(fieldErrors(await user.api.get(`/tasks/${task.id}?expand=goal`).expect(422))).toEqual([
      'expand unknown_field',
    ]);
    expect(fieldErrors(await user.api.post(`/tasks/${task.id}/reopen?force=1`).expect(422))).toEqual([
      'force unknown_field',
    ]);
    expect(
      fieldErrors(await user.api.post(`/tasks/${task.id}/complete`, { at: 'noon' }).expect(422)),
    ).toEqual(['at unknown_field']);
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toEqual(task);
  });
});

describe('a request path', () => {
  it.each([
    ['/api/v1/tasks/x', 422],
    ['/api/v1/tasks/%00', 422],
    ['/api/v1/tasks/01a1fc21-db47-72db-b5fb-cb2dbd3c58f3%0a', 422],
    ['/api/v1/tasks/00000000-0000-0000-0000-000000000000', 404],
    ['/api/v1/tasks/ffffffff-ffff-ffff-ffff-ffffffffffff', 404],
    ['/api/v1/tasks/%ff', 400],
    ['/api/v1/%', 400],
    ['/api/v1/tasks?q=%ff', 400],
    ['/api/v1/tasks?q=%zz', 400],
    ['/api/v1/nothing', 404],
    [`/api/v1/tasks/${'x'.repeat(500)}`, 404],
  ])('such as %s returns %d', async (path, status) => {
    const problem = await send('GET', path);
    expect(problem.status).toBe(status);
    if (status === 422) expect(fieldErrors(problem)).toEqual(['id invalid_id']);
  });

  it('returns 405 with Allow for other methods', async () => {
    for (const [method, path, allow] of [
      ['DELETE', '/api/v1/tasks', 'GET, HEAD, OPTIONS, POST'],
      ['POST', '/api/v1/users/me', 'DELETE, GET, HEAD, OPTIONS, PATCH'],
      ['GET', '/api/v1/auth/login', 'OPTIONS, POST'],
      ['PUT', '/health', 'GET, HEAD, OPTIONS'],
      ['POST', '/', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const problem = await send(method, path);
      expect([problem.status, problem.body.code, problem.headers.allow]).toEqual([
        405,
        'method_not_allowed',
        allow,
      ]);
    }
  });
});

it('every response has a request id and headers against caching, framing and type sniffing', async () => {
  for (const path of [
    '/api/v1/tasks',
    '/api/v1/users/me',
    '/api/v1/nothing',
    '/api/v1/%ff',
    '/health',
    '/docs',
    '/',
  ]) {
    const { headers } = await fetch(`${app.url}${path}`);
    const found = ['x-request-id', 'cache-control', 'x-content-type-options', 'x-frame-options'].map((name) =>
      headers.get(name),
    );
    if (path === '/api/v1/%ff') expect(found[0]).toMatch(/^[0-9a-f-]{36}$/);
    else expect(found).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), 'no-store', 'nosniff', 'DENY']);
  }
});

describe('a TCP connection', () => {
  it('with invalid HTTP or headers that are too large receives a problem', async () => {
    const { connect } = await import('node:net');
    const exchange = (bytes: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
        let received = '';
        socket
          .on('data', (chunk) => (received += chunk.toString()))
          .on('close', () => resolve(received))
          .on('error', reject);
        socket.write(bytes);
      });
    expect(await exchange('NONSENSE\r\n\r\n')).toMatch(
      /^HTTP\/1.1 400 .*application\/problem\+json.*"code":"bad_request"/s,
    );
    const overflow = await exchange(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(overflow).toMatch(/^HTTP\/1.1 431 .*"code":"headers_too_large"/s);
  });

  it.each([undefined, '127.0.0.0/8'])(
    'that is reset at once is not an error of the server (TRUST_PROXY %s)',
    async (trustProxy) => {
      const { connect } = await import('node:net');
      const other = await startApp({ DATABASE_URL: app.databaseUrl, TRUST_PROXY: trustProxy });
      const logged = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
      try {
        for (let i = 0; i < 50; i++) {
          await new Promise((resolve) => {
            const socket = connect(Number(new URL(other.url).port), '127.0.0.1');
            socket.on('error', resolve).on('close', resolve);
            socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n', () => socket.resetAndDestroy());
          });
        }
        await other.api.get('//health/live').expect(200);
        expect(logged.mock.calls.map(([text]) => String(text))).toEqual([]);
      } finally {
        logged.mockRestore();
        await other.close();
      }
    },
  );
});
