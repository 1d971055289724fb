import { once } from 'node:events';
import { Agent, IncomingMessage, request } from 'node:http';
import { AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { newDatabase } from '../setup/app';
import { runNode, RunningProcess } from '../setup/processes';
import { asRole, onDatabase } from '../setup/server';

/* WEB_CONCURRENCY: a primary process, and workers that share its port. */

const credentials = { email: 'processes@example.com', password: 'a cairn of many stones' };
const unknownMigration = `INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'Later9999999999999')`;

let databaseUrl: string;
beforeAll(async () => (databaseUrl = await newDatabase()));

function start(environment: NodeJS.ProcessEnv = {}): RunningProcess {
  return runNode(['src/main.ts'], {
    NODE_ENV: 'production',
    DATABASE_URL: asRole(databaseUrl, 'cairn_login'),
    DATABASE_POOL_SIZE: '3',
    JWT_SECRET_KEY: 'x'.repeat(32),
    PORT: '0',
    METRICS_PORT: '0',
    RATE_LIMITS: 'off',
    SHUTDOWN_DELAY: '0',
    WEB_CONCURRENCY: '2',
    ...environment,
  });
}

/** A connection, which stays with the worker that accepted it. */
class Connection {
  private static requests = 0;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  private constructor(
    private readonly app: RunningProcess,
    private readonly url: string,
    readonly pid: number,
  ) {}

  /** Opens one connection to each of two workers. */
  static async openTwo(app: RunningProcess, url: string): Promise<[Connection, Connection]> {
    const open = async () => {
      const connection = new Connection(app, url, 0);
      const { pid } = await connection.send('GET', '/health/live');
      return Object.assign(connection, { pid });
    };
    const first = await open();
    for (;;) {
      const second = await open();
      if (second.pid !== first.pid) return [first, second];
      second.close();
    }
  }

  /** @returns also the id of the process, from the log */
  async send(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
    const id = `request-${++Connection.requests}`;
    const sent = request(this.url + path, {
      method,
      agent: this.agent,
      headers: { 'x-request-id': id, ...(body && { 'content-type': 'application/json' }), ...headers },
    });
    sent.end(body && JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const content = await text(response);
    const line = new RegExp(`"pid":(\\d+),"context":"Request"[^\n]*"request_id":"${id}"`);
    const [, pid] = await this.app.waitForOutput(line);
    return {
      status: response.statusCode,
      connection: response.headers.connection,
      body: (content === '' ? {} : JSON.parse(content)) as Record<string, string>,
      pid: Number(pid),
    };
  }

  close(): void {
    this.agent.destroy();
  }
}

it('two processes share a port, a crashed one is replaced, and a reload fails no request', async () => {
  const app = start();
  const [, metricsUrl] = await app.waitForOutput(/Metrics: (http:[^\s"]+)/);
  const [, url] = await app.waitForOutput(
    /Cairn is running with 2 processes. Documentation: (http:[^\s"]+)\/docs/,
  );
  const metric = async (name: string) => {
    const lines = (await (await fetch(metricsUrl!)).text()).split('\n');
    return Number(lines.find((line) => line.startsWith(`${name} `))!.slice(name.length));
  };
  const liveRequests = () =>
    metric('cairn_http_request_duration_seconds_count{method="GET",route="/health/live",status="200"}');

  // Both handle requests, and a session that is revoked by one of them is refused by the other.
  let [first, second] = await Connection.openTwo(app, url!);
  await first.send('POST', '/api/v1/auth/register', {}, credentials);
  const signIn = async () => {
    const { body } = await first.send('POST', '/api/v1/auth/login', {}, credentials);
    return { authorization: `Bearer ${body.access_token}` };
  };
  const revoked = await signIn();
  expect(await second.send('GET', '/api/v1/tasks', revoked)).toMatchObject({ status: 200, pid: second.pid });
  expect(await first.send('POST', '/api/v1/auth/logout', revoked)).toMatchObject({
    status: 204,
    pid: first.pid,
  });
  expect(await second.send('GET', '/api/v1/tasks', revoked)).toMatchObject({ status: 401, pid: second.pid });
  const headers = await signIn();

  // The metrics are those of both.
  const before = await liveRequests();
  for (const connection of [first, second, first]) await connection.send('GET', '/health/live');
  expect(await liveRequests()).toBe(before + 3);
  expect(await metric('cairn_database_connections_max')).toBe(6);
  expect(await metric('cairn_mails_waiting')).toBeLessThanOrEqual(1);

  // New processes cannot start: those that run continue, and the missing one is replaced as soon as it is possible.
  await onDatabase(databaseUrl, (client) => client.query(unknownMigration));
  app.process.kill('SIGHUP');
  await app.waitForOutput(
    /Reloading failed. The other processes continue to run. Cairn cannot start: the database is ahead/,
  );
  expect((await second.send('GET', '/health/ready')).pid).toBe(second.pid);
  process.kill(first.pid, 'SIGKILL');
  await app.waitForOutput(new RegExp(`Process ${first.pid} ended with SIGKILL`));
  await app.waitForOutput(
    /A process cannot be replaced, will try again: Cairn cannot start: the database is ahead/,
  );
  expect((await fetch(`${url}/api/v1/tasks`, { headers })).status).toBe(200);
  expect(await liveRequests()).toBe(before + 3);
  await onDatabase(databaseUrl, (client) =>
    client.query(`DELETE FROM migrations WHERE timestamp = 9999999999999`),
  );
  const [, replacement] = await app.waitForOutput(/Process (\d+) has started/);
  first.close();
  second.close();
  [first, second] = await Connection.openTwo(app, url!);
  const pids = [first.pid, second.pid];
  expect(pids).toContain(Number(replacement));

  // A reload under load.
  let isDone = false;
  const statuses: number[] = [];
  const client = async () => {
    for (let count = 0; !isDone; count++) {
      const create = {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{"title":"A"}',
      };
      const response = await fetch(`${url}/api/v1/tasks`, count % 4 === 0 ? create : { headers });
      await response.text();
      statuses.push(response.status);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  app.process.kill('SIGHUP');
  await app.waitForOutput(/(Reloading because of SIGHUP[^]*){2}/);
  app.process.kill('SIGHUP');
  await app.waitForOutput(/SIGHUP is ignored, because Cairn is reloading/);
  for (const connection of [first, second]) {
    await app.waitForOutput(new RegExp(`"pid":${connection.pid},.*Stopping because of SIGHUP`));
    // An old process handles the requests on its connections, and is not reported as unavailable.
    expect(await connection.send('GET', '/health/ready')).toMatchObject({
      status: 200,
      pid: connection.pid,
      connection: 'close',
    });
  }
  await app.waitForOutput(/"Reloaded"/);
  isDone = true;
  await Promise.all(clients);
  expect([...new Set(statuses)].sort()).toEqual([200, 201]);
  const after = await Connection.openTwo(app, url!);
  for (const { pid } of after) expect(pids).not.toContain(pid);

  // A terminal and systemd send signals to all processes.
  for (const { pid } of after)
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.kill(pid, signal);
  for (const connection of after)
    expect((await connection.send('GET', '/health/ready')).pid).toBe(connection.pid);
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
  for (const { pid } of after)
    expect(app.output()).toMatch(new RegExp(`"pid":${pid},"context":"Cairn","msg":"Stopped"`));
  expect(app.output()).not.toContain('second signal');
  for (const connection of [first, second, ...after]) connection.close();
});

it('an error at start is printed once', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const app = start({ PORT: String(port), METRICS_PORT: '' });
  expect(await app.ended).toBe(1);
  const message = `Cairn cannot start: port ${port} is already in use. Set PORT to another port.\n`;
  expect(app.output().split(message)).toHaveLength(2);
  expect(app.output().match(/cannot start/g)).toHaveLength(1);
  holder.close();
});
