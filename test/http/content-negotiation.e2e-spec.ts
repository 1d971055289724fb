import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { startApp, TestApp } from '../setup/app';
import { Json, newPersonalToken, newTask, newUser, TestUser } from '../setup/factories';

const origin = 'https://app.example.com';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp({ CORS_ORIGINS: `https://other.example.com, ${origin}` });
  user = await newUser(app);
});
afterAll(() => app.close());

type Headers = Record<string, string>;

const decoders: Record<string, typeof createGunzip | typeof createBrotliDecompress> = {
  gzip: createGunzip,
  br: createBrotliDecompress,
};

/** Sends exactly these headers and the token, and decodes the response. @param path from the root */
function send(method: string, path: string, headers: Headers = {}, body?: object) {
  const authorization = `Bearer ${user.access_token}`;
  const all = { authorization, ...(body && { 'content-type': 'application/json' }), ...headers };
  return new Promise<{ status: number; headers: Record<string, string | undefined>; text: string }>(
    (resolve, reject) => {
      request(app.url + path, { method, headers: all, agent: false }, (response) => {
        const decoder = decoders[response.headers['content-encoding'] ?? ''];
        const decoded = decoder && method !== 'HEAD' ? response.pipe(decoder()) : response;
        text(decoded).then(
          (content) =>
            resolve({ status: response.statusCode!, headers: response.headers as Headers, text: content }),
          reject,
        );
      })
        .on('error', reject)
        .end(body && JSON.stringify(body));
    },
  );
}

const json = (content: string) => JSON.parse(content) as Json & Record<string, string>;

describe('compression', () => {
  let task: Json;
  beforeAll(async () => (task = await newTask(user, { description: 'One of many words. '.repeat(300) })));

  it('changes the coding and the entity tag, and nothing else', async () => {
    for (const path of [
      `/api/v1/tasks/${task.id}`,
      '/api/v1/tasks?limit=1',
      `/api/v1/tasks/${task.id}/history`,
      '/api/v1/users/me/export',
      '/openapi.json',
    ]) {
      const plain = await send('GET', path);
      for (const coding of ['gzip', 'br']) {
        const coded = await send('GET', path, { 'accept-encoding': coding });
        const withoutTime = (content: string) => content.replace(/"exported_at":"[^"]+"/, '');
        expect(withoutTime(coded.text)).toBe(withoutTime(plain.text));
        expect([path, coded.headers['content-encoding'], coded.headers.vary]).toEqual([
          path,
          coding,
          'Origin, Accept-Encoding',
        ]);
        expect(coded.headers.etag).toBe(plain.headers.etag?.replace(/"$/, `+${coding}"`));
        const head = await send('HEAD', path, { 'accept-encoding': coding });
        expect([head.status, head.text]).toEqual([200, '']);
        for (const name of ['content-type', 'content-length', 'content-encoding', 'vary', 'etag', 'link'])
          expect([path, name, head.headers[name]]).toEqual([path, name, coded.headers[name]]);
      }
      expect([plain.headers['content-encoding'], plain.headers.vary]).toEqual([
        undefined,
        'Origin, Accept-Encoding',
      ]);
    }
  });

  it('does not change what conditions mean', async () => {
    const path = `/api/v1/tasks/${task.id}`;
    const tagOf = async (coding: string) =>
      String((await send('GET', path, { 'accept-encoding': coding })).headers.etag);
    const tags = [await tagOf('identity'), await tagOf('gzip'), await tagOf('br')];
    expect(new Set(tags).size).toBe(3);
    for (const tag of tags) {
      for (const coding of ['identity', 'br']) {
        const read = (headers: Headers) => send('GET', path, { 'accept-encoding': coding, ...headers });
        const { status, headers } = await read({ 'if-none-match': `"other", ${tag}` });
        expect([status, headers.etag, headers['content-encoding'], headers.vary]).toEqual([
          304,
          tag,
          undefined,
          'Origin, Accept-Encoding',
        ]);
        expect((await read({ 'if-match': tag })).status).toBe(200);
        expect((await read({ 'if-match': `W/${tag}` })).status).toBe(412);
      }
    }
    let tag = tags[2]!;
    for (const coding of ['br', 'gzip', 'identity']) {
      const update = (title: string) =>
        send('PATCH', path, { 'if-match': tag, 'accept-encoding': coding }, { title });
      const { status, headers } = await update(coding);
      expect([coding, status]).toEqual([coding, 200]);
      const refused = await update('lost');
      expect([refused.status, refused.headers['content-encoding']]).toEqual([412, undefined]);
      expect(json(refused.text).current).toMatchObject({ title: coding });
      tag = String(headers.etag);
    }
  });

  it('is not part of the stored response of an idempotency key, nor of responses with tokens', async () => {
    const create = (coding: string) =>
      send(
        'POST',
        '/api/v1/tasks',
        { 'idempotency-key': 'compressed', 'accept-encoding': coding },
        { title: 'Once', description: 'One of many words. '.repeat(300) },
      );
    const first = await create('br');
    const replays = [await create('br'), await create('gzip'), await create('identity')];
    expect([first.status, first.headers['content-encoding']]).toEqual([201, 'br']);
    for (const [index, coding] of ['br', 'gzip', undefined].entries()) {
      const { status, headers, text: content } = replays[index]!;
      expect([status, headers['idempotency-replayed'], headers['content-encoding']]).toEqual([
        201,
        'true',
        coding,
      ]);
      expect(content).toBe(first.text);
      expect(headers.etag).toBe(first.headers.etag?.replace('+br', coding ? `+${coding}` : ''));
    }
    for (let count = 0; count < 18; count++)
      await newPersonalToken(user, { name: 'A program '.repeat(9).trim() });
    const tokens = await send('GET', '/api/v1/auth/tokens', { 'accept-encoding': 'br' });
    expect(tokens.text.length).toBeGreaterThan(4096);
    expect([tokens.headers['content-encoding'], tokens.headers.vary]).toEqual([undefined, 'Origin']);
  });
});

describe('Accept', () => {
  it('that excludes the media type of the operation is a 406 before any effect', async () => {
    const task = await newTask(user);
    const path = `/api/v1/tasks/${task.id}`;
    const count = async () => json((await send('GET', '/api/v1/tasks?include=total&limit=1')).text).total;
    const before = await count();
    for (const [method, url, accept] of [
      ['GET', path, 'text/html'],
      ['HEAD', path, 'text/html'],
      ['GET', path, 'application/json;q=0, */*'],
      ['PATCH', path, 'application/problem+json'],
      ['POST', '/api/v1/tasks', 'text/*'],
      ['POST', '/api/v1/auth/login', 'text/html'],
      ['GET', `/api/v1/users/${user.id}/tasks`, 'text/html'],
      ['GET', '/api/v1/users/me/export', 'text/plain'],
    ] as const) {
      const body = ['PATCH', 'POST'].includes(method) ? { title: 'Not accepted' } : undefined;
      const response = await send(method, url, { accept }, body);
      expect([method, url, response.status, response.headers['content-type']]).toEqual([
        method,
        url,
        406,
        'application/problem+json; charset=utf-8',
      ]);
      if (method === 'HEAD') continue;
      expect(json(response.text)).toMatchObject({
        code: 'not_acceptable',
        detail: 'This operation responds with application/json, which Accept excludes.',
      });
    }
    expect([await count(), json((await send('GET', path)).text)]).toEqual([before, task]);
    await user.api.get(`/tasks/${task.id}`).set('accept', 'text/html').expect(406);

    const { token } = await newPersonalToken(user, { scopes: ['read'] });
    const feed = `/api/v1/calendar.ics?token=${token}`;
    const refused = await send('GET', feed, { accept: 'application/json' });
    expect([refused.status, json(refused.text).detail]).toEqual([
      406,
      'This operation responds with text/calendar, which Accept excludes.',
    ]);
    for (const accept of ['text/calendar', 'text/*;q=0.5', '*/*'])
      expect((await send('GET', feed, { accept })).status).toBe(200);
  });

  it('does not matter for problems, for responses without a body, or when it is absent', async () => {
    const task = await newTask(user);
    for (const accept of ['application/json', 'application/json; charset=utf-8', 'application/*', '*/*']) {
      expect((await send('GET', `/api/v1/tasks/${task.id}`, { accept })).status).toBe(200);
      const missing = await send('GET', '/api/v1/tasks/01a1fc21-db47-72db-b5fb-cb2dbd3c58f3', { accept });
      expect([missing.status, missing.headers['content-type']]).toEqual([
        404,
        'application/problem+json; charset=utf-8',
      ]);
    }
    expect((await send('GET', `/api/v1/tasks/${task.id}`)).status).toBe(200);
    expect((await send('DELETE', `/api/v1/tasks/${task.id}`, { accept: 'text/html' })).status).toBe(204);
    const forgotten = await send(
      'POST',
      '/api/v1/auth/password/forgot',
      { accept: 'text/html' },
      { email: 'nobody@example.com' },
    );
    expect([forgotten.status, forgotten.text]).toEqual([202, '']);
  });
});

describe('OPTIONS and other origins', () => {
  const requested = 'authorization, content-type, if-match, if-none-match, idempotency-key';
  const preflight = (path: string, from: string) =>
    send('OPTIONS', path, {
      origin: from,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': requested,
    });

  it('responds with the methods of a URL', async () => {
    for (const [path, status, allow] of [
      ['/api/v1/tasks', 204, 'GET, HEAD, OPTIONS, POST'],
      [`/api/v1/users/${user.id}/goals`, 204, 'GET, HEAD, OPTIONS, POST'],
      ['/api/v1/auth/login', 204, 'OPTIONS, POST'],
      ['/', 204, 'GET, HEAD, OPTIONS'],
      ['/api/v1/nothing', 404, undefined],
    ] as const) {
      for (const headers of [{}, { origin }] as Headers[]) {
        const response = await send('OPTIONS', path, headers);
        expect([path, response.status, response.headers.allow]).toEqual([path, status, allow]);
        expect(response.headers['access-control-allow-methods']).toBeUndefined();
      }
    }
  });

  it('allows the configured origins to call every operation and to read every header', async () => {
    const { status, headers, text: content } = await preflight('/api/v1/tasks/1', origin);
    expect([status, content]).toEqual([204, '']);
    expect(headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': requested,
      'access-control-max-age': '3600',
      vary: 'Origin, Access-Control-Request-Headers',
    });
    const other = await preflight('/api/v1/tasks/1', 'https://evil.example.com');
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');

    const safelisted = ['cache-control', 'content-length', 'content-type'];
    const withoutNeed =
      /^(access-control-|connection|content-encoding|content-security-policy|date|keep-alive|referrer-policy|strict-transport-security|transfer-encoding|vary|x-content-type-options|x-frame-options)/;
    for (const response of [
      await send('GET', '/api/v1/tasks?limit=1', { origin }),
      await send('POST', '/api/v1/tasks', { origin, 'idempotency-key': 'cors' }, { title: 'A task' }),
      await send('POST', '/api/v1/tasks', { origin, 'idempotency-key': 'cors' }, { title: 'A task' }),
      await send('GET', '/api/v1/users/me/export', { origin }),
      await send('GET', '/api/v1/tasks', { origin, authorization: 'none' }),
      await send('PUT', '/api/v1/tasks', { origin }),
    ]) {
      expect(response.headers).toMatchObject({ 'access-control-allow-origin': origin });
      expect(response.headers).not.toHaveProperty('access-control-allow-credentials');
      expect(response.headers.vary).toMatch(/^Origin(, Accept-Encoding)?$/);
      const exposed = response.headers['access-control-expose-headers']!.toLowerCase().split(', ');
      const hidden = Object.keys(response.headers).filter(
        (name) => ![...exposed, ...safelisted].includes(name) && !withoutNeed.test(name),
      );
      expect(hidden).toEqual([]);
    }
  });

  it('gets nothing about origins when none is configured, and no credentials with *', async () => {
    const response = await fetch(`${app.url}/api/v1/tasks`, {
      headers: { origin: 'https://evil.example.com' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    for (const [origins, expected] of [
      [undefined, [204, null, null, null]],
      ['*', [204, '*', null, 'GET, HEAD, POST, PUT, PATCH, DELETE']],
    ] as const) {
      const open = await startApp({ DATABASE_URL: app.databaseUrl, CORS_ORIGINS: origins });
      const { status, headers } = await fetch(`${open.url}/api/v1/tasks`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PATCH' },
      });
      const names = ['allow-origin', 'allow-credentials', 'allow-methods'];
      expect([status, ...names.map((name) => headers.get(`access-control-${name}`))]).toEqual(expected);
      if (!origins)
        expect([...headers.keys()].filter((name) => /^access-control|^vary/.test(name))).toEqual([]);
      await open.close();
    }
  });
});

it('/ redirects to Swagger UI', async () => {
  for (const method of ['GET', 'HEAD']) {
    const { status, headers } = await send(method, '/');
    expect([status, headers.location, headers['x-frame-options']]).toEqual([302, '/docs', 'DENY']);
  }
});
