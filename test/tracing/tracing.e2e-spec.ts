import { once } from 'node:events';
import { createServer, IncomingMessage, Server } from 'node:http';
import { AddressInfo, createServer as createTcpServer, Socket } from 'node:net';
import { newDatabase } from '../setup/app';
import { runNode, RunningProcess } from '../setup/processes';
import { startInProduction } from '../setup/production-app';
import { asRole, onDatabase } from '../setup/server';

const password = 'a cairn of many stones';
const email = 'traces@example.com';
const serverKind = 2;
const clientKind = 3;

interface OtlpSpan {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number; message?: string };
}

interface OtlpRequest {
  resourceSpans: {
    resource: { attributes: OtlpSpan['attributes'] };
    scopeSpans: { spans: OtlpSpan[] }[];
  }[];
}

/** Receives spans as OTLP over HTTP, with JSON. */
class Receiver {
  status = 200;
  /** The bodies of all requests. */
  text = '';
  readonly spans: OtlpSpan[] = [];
  resource: Record<string, unknown> = {};
  private readonly listeners = new Set<() => void>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      void this.receive(request).then(() => {
        response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  static async open(): Promise<Receiver> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Receiver(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves with all spans of the trace when the span of its request has been received. */
  async trace(traceId: string): Promise<OtlpSpan[]> {
    const ofTrace = () => this.spans.filter((span) => span.traceId === traceId);
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!ofTrace().some(({ kind }) => kind === serverKind)) return;
        this.listeners.delete(check);
        resolve();
      };
      this.listeners.add(check);
      check();
    });
    return ofTrace();
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async receive(request: IncomingMessage): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    expect([request.method, request.url]).toEqual(['POST', '/v1/traces']);
    this.text += body;
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpRequest).resourceSpans) {
      this.resource = attributesOf(resource);
      for (const { spans } of scopeSpans) this.spans.push(...spans);
    }
    this.listeners.forEach((check) => check());
  }
}

function attributesOf({ attributes }: Pick<OtlpSpan, 'attributes'>): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** The names of the spans by their depth: `GET /health > transaction > BEGIN`. */
function pathsOf(spans: OtlpSpan[]): string[] {
  const path = ({ name, parentSpanId }: OtlpSpan): string => {
    const parent = spans.find(({ spanId }) => spanId === parentSpanId);
    return parent ? `${path(parent)} > ${name}` : name;
  };
  return spans.map(path).sort();
}

let databaseUrl: string;
beforeAll(async () => (databaseUrl = await newDatabase()));

/** Starts the application, with a signal that prints the loaded modules of the OpenTelemetry SDK. */
function start(environment: NodeJS.ProcessEnv): Promise<RunningProcess & { url: string }> {
  const code = 'console.log(Object.keys(require.cache).filter((path) => /opentelemetry.(?!api)/.test(path)))';
  return startInProduction(databaseUrl, code, { OTEL_BSP_SCHEDULE_DELAY: '10', ...environment });
}

async function stop(app: RunningProcess): Promise<void> {
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
}

async function call(
  url: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<{
  status: number;
  traceparent: string | null;
  traceId: string;
  requestId: string | null;
  body: unknown;
}> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  const traceparent = response.headers.get('traceparent');
  return {
    status: response.status,
    traceparent,
    traceId: traceparent?.split('-')[1] ?? '',
    requestId: response.headers.get('x-request-id'),
    body: text === '' ? undefined : JSON.parse(text),
  };
}

async function signIn(url: string): Promise<Record<string, string>> {
  await call(url, 'POST', '/api/v1/auth/register', { email, password });
  const { body } = await call(url, 'POST', '/api/v1/auth/login', { email, password });
  return { authorization: `Bearer ${(body as { access_token: string }).access_token}` };
}

describe('with a receiver', () => {
  let receiver: Receiver;
  let app: RunningProcess & { url: string };
  let headers: Record<string, string>;

  beforeAll(async () => {
    receiver = await Receiver.open();
    app = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging',
    });
    headers = await signIn(app.url);
  });

  afterAll(async () => {
    await stop(app);
    receiver.close();
  });

  it('a request is a span with its route, below it are its transaction and the statements', async () => {
    const created = await call(app.url, 'POST', '/api/v1/tasks', { title: 'hunter2' }, headers);
    const { id } = created.body as { id: string };
    const read = await call(app.url, 'GET', `/api/v1/tasks/${id}`, undefined, headers);
    expect([created.status, read.status]).toEqual([201, 200]);

    const spans = await receiver.trace(read.traceId);
    const request = 'GET /api/v1/tasks/{id}';
    expect(pathsOf(spans)).toEqual([
      request,
      `${request} > transaction`,
      `${request} > transaction > SELECT tasks`,
    ]);
    const server = spans.find(({ kind }) => kind === serverKind)!;
    expect(read.traceparent).toBe(`00-${server.traceId}-${server.spanId}-01`);
    expect(attributesOf(server)).toEqual({
      'http.request.method': 'GET',
      'http.route': '/api/v1/tasks/{id}',
      'url.path': `/api/v1/tasks/${id}`,
      'url.scheme': 'http',
      'http.response.status_code': 200,
      'cairn.request_id': read.requestId,
    });
    expect(attributesOf(spans.find(({ name }) => name === 'SELECT tasks')!)).toEqual({
      'db.system.name': 'postgresql',
      'db.operation.name': 'SELECT',
      'db.query.summary': 'SELECT tasks',
    });
    expect(spans.filter(({ kind }) => kind === clientKind)).toHaveLength(1);
    expect(receiver.resource).toMatchObject({
      'service.name': 'cairn',
      'deployment.environment.name': 'staging',
    });
  });

  it('writes and the hashing of passwords have spans', async () => {
    const created = await call(app.url, 'POST', '/api/v1/tasks', { title: 'hunter2' }, headers);
    const write = pathsOf(await receiver.trace(created.traceId));
    expect(write).toContain('POST /api/v1/tasks > transaction > INSERT tasks');
    const signedIn = await call(app.url, 'POST', '/api/v1/auth/login', { email, password });
    const paths = pathsOf(await receiver.trace(signedIn.traceId));
    expect(paths).toContain('POST /api/v1/auth/login > verify password');
    expect(paths).toContain('POST /api/v1/auth/login > transaction > SELECT users');
  });

  it('a valid traceparent is continued, an invalid one is ignored, and the log has the id of the trace', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const parentId = '00f067aa0ba902b7';
    const continued = await call(app.url, 'GET', '/health/live', undefined, {
      traceparent: `00-${traceId}-${parentId}-01`,
      'x-request-id': 'traces-1',
    });
    const [span] = await receiver.trace(traceId);
    expect([span!.name, span!.parentSpanId]).toEqual(['GET /health/live', parentId]);
    expect(continued.traceparent).toBe(`00-${traceId}-${span!.spanId}-01`);
    await app.waitForOutput(new RegExp(`"request_id":"traces-1","trace_id":"${traceId}"`));

    for (const traceparent of [
      `00-${'0'.repeat(32)}-${parentId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId.toUpperCase()}-${parentId}-01`,
      `ff-${traceId}-${parentId}-01`,
      'x',
    ]) {
      const other = await call(app.url, 'GET', '/health/live', undefined, {
        traceparent,
        'x-request-id': 'traces-2',
      });
      expect(other.traceId).toMatch(/^(?!4bf9)[0-9a-f]{32}$/);
      const [own] = await receiver.trace(other.traceId);
      expect(own!.parentSpanId ?? '').toBe('');
      await app.waitForOutput(new RegExp(`"request_id":"traces-2","trace_id":"${other.traceId}"`));
    }
  });

  it('a trace that its parent does not sample is logged and not sent', async () => {
    const traceId = '5bf92f3577b34da6a3ce929d0e0e4736';
    const traceparent = `00-${traceId}-00f067aa0ba902b7-00`;
    const { traceparent: returned } = await call(app.url, 'GET', '/health/ready', undefined, { traceparent });
    expect(returned).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    await app.waitForOutput(new RegExp(`"trace_id":"${traceId}"`));
    await receiver.trace((await call(app.url, 'GET', '/health/live')).traceId);
    expect(receiver.text).not.toContain(traceId);
  });

  it('unknown URLs have no route, and failures of the server have an error status', async () => {
    const unknown = await call(app.url, 'GET', '/nowhere/else');
    const [span] = await receiver.trace(unknown.traceId);
    expect([span!.name, span!.status.code ?? 0]).toEqual(['GET', 0]);
    expect(attributesOf(span!)).not.toHaveProperty('http.route');

    await onDatabase(databaseUrl, (client) => client.query('ALTER TABLE tasks RENAME TO hidden'));
    const failed = await call(app.url, 'GET', '/api/v1/tasks', undefined, headers);
    await onDatabase(databaseUrl, (client) => client.query('ALTER TABLE hidden RENAME TO tasks'));
    expect(failed.status).toBe(500);
    const spans = await receiver.trace(failed.traceId);
    const request = spans.find(({ kind }) => kind === serverKind)!;
    expect(request.status).toEqual({ code: 2 });
    expect(attributesOf(request)).toMatchObject({ 'http.response.status_code': 500, 'error.type': '500' });
    const statement = spans.find(({ name }) => name === 'SELECT tasks')!;
    expect(statement.status).toEqual({ code: 2 });
    expect(attributesOf(statement)).toMatchObject({
      'db.response.status_code': '42P01',
      'error.type': '42P01',
    });
  });

  it('no span contains personal data, queries, texts, passwords or tokens', async () => {
    const { body: token } = await call(
      app.url,
      'POST',
      '/api/v1/auth/tokens',
      { name: 'hunter2', scopes: ['read'] },
      headers,
    );
    const secret = (token as { token: string }).token;
    await call(app.url, 'GET', `/api/v1/calendar.ics?token=${secret}&hunter2=1`).catch(() => undefined);
    await call(app.url, 'GET', '/api/v1/tasks?q=hunter2', undefined, headers);
    await call(app.url, 'GET', `/api/v1/tasks/${secret}`, undefined, { ...headers, cookie: 'a=hunter2' });
    await call(app.url, 'POST', '/api/v1/auth/login', { email: 'hunter2@example.com', password: 'hunter2' });
    await call(app.url, 'POST', '/api/v1/auth/register', { email, password, full_name: 'hunter2' });
    await call(
      app.url,
      'POST',
      '/api/v1/tasks/batch',
      {
        mode: 'atomic',
        operations: [{ op: 'create', data: { title: 'hunter2' } }],
      },
      headers,
    );
    const { traceId, body } = await call(app.url, 'GET', '/api/v1/users/me', undefined, headers);
    await receiver.trace(traceId);
    const { id } = body as { id: string };
    expect(receiver.spans.length).toBeGreaterThan(30);
    for (const secretText of [
      'hunter2',
      email,
      password,
      secret,
      id,
      '127.0.0.1',
      headers.authorization!.slice(7),
    ])
      expect(receiver.text.includes(secretText)).toBe(false);
  });
});

it('an invalid variable of the SDK is reported, and the last spans are sent when the application stops', async () => {
  const receiver = await Receiver.open();
  const app = await start({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_SERVICE_NAME: 'cairn-blue',
    OTEL_BSP_SCHEDULE_DELAY: '1000000',
    OTEL_TRACES_SAMPLER: 'sometimes',
  });
  await app.waitForOutput(/"level":"warn".*"context":"Tracing".*OTEL_TRACES_SAMPLER value/);
  const { traceId } = await call(app.url, 'GET', '/health/live');
  expect(receiver.spans).toEqual([]);
  await stop(app);
  expect(pathsOf(await receiver.trace(traceId))).toEqual(['GET /health/live']);
  expect(receiver.resource).toMatchObject({ 'service.name': 'cairn-blue' });
  receiver.close();
});

it('a receiver that refuses spans is reported once, without a stack, until it accepts them again', async () => {
  const receiver = await Receiver.open();
  receiver.status = 400;
  const app = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  for (let count = 0; count < 3; count++) {
    const { status, traceId } = await call(app.url, 'GET', '/health/live');
    expect(status).toBe(200);
    await receiver.trace(traceId);
  }
  await app.waitForOutput(/Traces cannot be sent: /);
  receiver.status = 200;
  await call(app.url, 'GET', '/health/live');
  await app.waitForOutput(/Traces are sent again/);
  await stop(app);
  expect(app.output().match(/Traces cannot be sent/g)).toHaveLength(1);
  expect(app.output()).not.toMatch(/stack|\\n +at /);
  receiver.close();
});

it('a receiver that cannot be reached, or does not respond, disturbs neither requests nor the end', async () => {
  const sockets = new Set<Socket>();
  const silent = createTcpServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  for (const endpoint of ['http://127.0.0.1:1', `http://127.0.0.1:${port}`]) {
    const app = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    for (let count = 0; count < 20; count++)
      expect((await call(app.url, 'GET', '/health/ready')).status).toBe(200);
    await stop(app);
    expect(app.output()).not.toMatch(/stack|\\n +at |unhandled/i);
  }
  expect(sockets.size).toBeGreaterThan(0);
  for (const socket of sockets) socket.destroy();
  silent.close();
});

it('without OTEL_EXPORTER_OTLP_ENDPOINT, nothing is loaded, and a valid traceparent is returned', async () => {
  const loaded = async (environment: NodeJS.ProcessEnv) => {
    const app = await start(environment);
    const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { traceparent } = await call(app.url, 'GET', '/health/live', undefined, { traceparent: valid });
    const { traceparent: none } = await call(app.url, 'GET', '/health/live');
    app.process.kill('SIGUSR2');
    const [, list] = await app.waitForOutput(/^\[([^{]*?)\]$/m);
    await stop(app);
    return { isEmpty: list!.trim() === '', isEchoed: traceparent === valid, isCreated: none !== null };
  };
  expect(await loaded({ OTEL_SERVICE_NAME: 'cairn' })).toEqual({
    isEmpty: true,
    isEchoed: true,
    isCreated: false,
  });
  expect(await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' })).toEqual({
    isEmpty: false,
    isEchoed: false,
    isCreated: true,
  });
});

it('an X-Request-Id of up to 100 letters, digits and _ . : - is returned, and any other is replaced', async () => {
  const app = await start({});
  const idFor = async (id: string) =>
    (await call(app.url, 'GET', '/health/live', undefined, { 'x-request-id': id })).requestId;
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  expect(await idFor('A_b.c:d-9')).toBe('A_b.c:d-9');
  expect(await idFor('x'.repeat(100))).toBe('x'.repeat(100));
  for (const id of ['x'.repeat(101), 'a b', '{"a"}', 'é', '']) expect(await idFor(id)).toMatch(uuid);
  await stop(app);
});

it('an endpoint that is not a URL is a configuration error', async () => {
  const app = runNode(['src/main.ts'], {
    JWT_SECRET_KEY: 'x'.repeat(32),
    DATABASE_URL: asRole(databaseUrl, 'cairn_login'),
    OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318',
  });
  expect(await app.ended).toBe(1);
  expect(app.output()).toContain('OTEL_EXPORTER_OTLP_ENDPOINT');
});
