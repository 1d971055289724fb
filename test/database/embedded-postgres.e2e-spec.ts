import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningProcess, runNode } from '../setup/processes';
import { onDatabase } from '../setup/server';

/* Each process stands for an application that was started without DATABASE_URL. Its folder is closed to other users. */
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cairn-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const program = (path: string) => `
  require('./src/database/embedded-postgres').startEmbeddedPostgres(${JSON.stringify(path)})
    .then((url) => console.log('url ' + url));
  process.on('SIGINT', () => process.exit(0));
  setInterval(() => {}, 1000);`;

interface User extends RunningProcess {
  url: string;
}

async function use(path = folder): Promise<User> {
  const started = runNode(['-e', program(path)]);
  const [, url = ''] = await started.waitForOutput(/url (\S+)\n/);
  return Object.assign(started, { url });
}

async function stop(user: RunningProcess, signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
  user.process.kill(signal);
  await user.ended;
}

const serverPid = () => Number(readFileSync(join(folder, 'cluster/postmaster.pid'), 'utf8').split('\n')[0]);
const isReachable = (url: string) => onDatabase(url, () => Promise.resolve(true)).catch(() => false);
const rows = (url: string) =>
  onDatabase(url, async (client) => (await client.query<object>('SELECT * FROM stones')).rows);

it('stops with its last user, and still has its data at the next start', async () => {
  const [first, second] = await Promise.all([use(), use()]);
  expect(second.url).toBe(first.url);
  await onDatabase(first.url, (client) => client.query('CREATE TABLE stones AS SELECT 1 AS id'));
  await stop(first);
  expect(await isReachable(second.url)).toBe(true);
  await stop(second);
  expect(await isReachable(second.url)).toBe(false);

  const third = await use();
  expect(await rows(third.url)).toEqual([{ id: 1 }]);
  await stop(third);
});

it('is taken over from a user that was killed', async () => {
  const first = await use();
  await onDatabase(first.url, (client) => client.query('CREATE TABLE stones AS SELECT 1 AS id'));
  const pid = serverPid();
  await stop(first, 'SIGKILL');
  expect(await isReachable(first.url)).toBe(true);

  const second = await use();
  expect([second.url, serverPid()]).toEqual([first.url, pid]);
  expect(await rows(second.url)).toEqual([{ id: 1 }]);
  await stop(second);
  expect(await isReachable(second.url)).toBe(false);
});

it('recovers when it was killed itself, and moves when its port was taken', async () => {
  const first = await use();
  await onDatabase(first.url, (client) => client.query('CREATE TABLE stones AS SELECT 1 AS id'));
  process.kill(serverPid(), 'SIGKILL');
  await stop(first, 'SIGKILL');
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(Number(new URL(first.url).port), '127.0.0.1', resolve));
  try {
    const second = await use();
    expect(new URL(second.url).port).not.toBe(new URL(first.url).port);
    expect(await rows(second.url)).toEqual([{ id: 1 }]);
    await stop(second);
  } finally {
    thief.close();
  }
});

it('runs once for each checkout', async () => {
  const [one, other] = await Promise.all([use(join(folder, 'one')), use(join(folder, 'other'))]);
  expect(one.url).not.toBe(other.url);
  await Promise.all([stop(one), stop(other)]);
});
