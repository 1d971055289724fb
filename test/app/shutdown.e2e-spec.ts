import { once } from 'node:events';
import { AddressInfo, connect, createServer } from 'node:net';
import { Pool } from 'pg';
import { newDatabase, TestApp } from '../setup/app';
import { LoadBalancer } from '../setup/load-balancer';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { runNode, RunningProcess } from '../setup/processes';
import { asRole } from '../setup/server';

const password = 'a cairn of many stones';
let databaseUrl: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  databaseUrl = await newDatabase();
  environment = {
    NODE_ENV: 'production',
    DATABASE_URL: asRole(databaseUrl, 'cairn_login'),
    JWT_SECRET_KEY: 'x'.repeat(32),
    RATE_LIMITS: 'off',
  };
});

interface Instance extends RunningProcess {
  url: string;
}

async function start(more: NodeJS.ProcessEnv = {}): Promise<Instance> {
  const app = runNode(['src/main.ts'], { ...environment, PORT: '0', ...more });
  const [, url] = await app.waitForOutput(/Documentation: (http:[^\s"]+)\/docs/);
  return { ...app, url: url! };
}

async function freePort(): Promise<string> {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  holder.close();
  await once(holder, 'close');
  return String(port);
}

async function signIn(url: string, email: string): Promise<Record<string, string>> {
  const post = (path: string) =>
    fetch(`${url}/api/v1/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    });
  await post('register');
  const { access_token } = (await (await post('login')).json()) as { access_token: string };
  return { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
}

it('two instances are restarted one by one under load, and no request fails', async () => {
  const ports = [await freePort(), await freePort()];
  const settings = ports.map((PORT) => ({ PORT, SHUTDOWN_DELAY: '3' }));
  const instances = await Promise.all(settings.map(start));
  const urls = instances.map(({ url }) => url);
  const balancer = await LoadBalancer.open(urls);
  for (const url of urls) await balancer.waitForHealth(url, true);
  const headers = await signIn(balancer.url, 'rolling@example.com');

  let isDone = false;
  let succeeded = 0;
  const failed: string[] = [];
  const client = async (number: number) => {
    for (let count = number; !isDone; count++) {
      const create = { method: 'POST', headers, body: JSON.stringify({ title: 'A task' }) };
      const response = await fetch(`${balancer.url}/api/v1/tasks`, count % 4 === 0 ? create : { headers });
      const body = await response.text();
      if (response.ok) succeeded++;
      else failed.push(`${response.status} ${body}`);
    }
  };
  const clients = Array.from({ length: 8 }, (_, number) => client(number));

  for (const [index, url] of urls.entries()) {
    await balancer.waitForCount(url, balancer.countOf(url) + 50);
    instances[index]!.process.kill('SIGTERM');
    expect(await instances[index]!.ended).toBe(0);
    await balancer.waitForHealth(url, false);
    instances[index] = await start(settings[index]);
    await balancer.waitForHealth(url, true);
    await balancer.waitForCount(url, balancer.countOf(url) + 50);
  }
  isDone = true;
  await Promise.all(clients);
  expect({ failed }).toEqual({ failed: [] });
  expect(succeeded).toBeGreaterThan(200);
  for (const { process } of instances) process.kill('SIGTERM');
  for (const { ended } of instances) expect(await ended).toBe(0);
  balancer.close();
});

it('before the port is closed, readiness fails and every response closes its connection', async () => {
  const app = await start({ SHUTDOWN_DELAY: '300' });
  const headers = await signIn(app.url, 'delay@example.com');
  const statusOf = async (path: string) => {
    const response = await fetch(app.url + path, { headers });
    const body = (await response.json()) as { code?: string; detail?: string };
    return [response.status, response.headers.get('connection'), body.detail];
  };
  expect(await statusOf('/health/ready')).toEqual([200, 'keep-alive', undefined]);
  app.process.kill('SIGTERM');
  await app.waitForOutput(/Stopping because of SIGTERM/);
  expect(await statusOf('/health/ready')).toEqual([503, 'close', 'The server is stopping.']);
  expect(await statusOf('/health')).toEqual([503, 'close', 'The server is stopping.']);
  expect(await statusOf('/health/live')).toEqual([200, 'close', undefined]);
  expect(await statusOf('/api/v1/tasks')).toEqual([200, 'close', undefined]);
  expect(await statusOf('/nowhere')).toEqual([404, 'close', 'This URL does not exist.']);

  // A second signal does not wait.
  app.process.kill('SIGINT');
  expect(await app.ended).toBe(1);
  expect(app.output()).toContain('Ended by a second signal, SIGINT');
});

it('requests in flight are finished, new connections are refused, and unused connections do not delay the end', async () => {
  const app = await start({ SHUTDOWN_DELAY: '0' });
  const headers = await signIn(app.url, 'flight@example.com');
  const { hostname, port } = new URL(app.url);
  const unused = connect(Number(port), hostname);
  await once(unused, 'connect');

  const database = { database: new Pool({ connectionString: databaseUrl }) } as TestApp;
  const unblock = await blockWrites(database, 'INSERT ON tasks');
  const task = { method: 'POST', headers, body: JSON.stringify({ title: 'A task' }) };
  const request = fetch(`${app.url}/api/v1/tasks`, task);
  await waitForLockWaits(database, 1);
  app.process.kill('SIGTERM');
  await once(unused, 'close');
  await expect(fetch(`${app.url}/health/live`)).rejects.toThrow('fetch failed');
  await unblock();
  const response = await request;
  expect([response.status, response.headers.get('connection')]).toEqual([201, 'close']);
  expect(await response.json()).toMatchObject({ title: 'A task' });
  expect(await app.ended).toBe(0);
  expect(app.output()).toContain('"msg":"Stopped"');
  await database.database.end();
});
