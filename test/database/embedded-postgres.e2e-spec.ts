import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningProcess, runNode } from '../setup/processes';
import { onDatabase } from '../setup/server';

/* Each process stands for an application without DATABASE_URL. The folder is readable by its user only. */
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cairn-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const program = (path: string) => `
  require('./src/database/embedded-postgres').startEmbeddedPostgres(${JSON.stringify(path)})
    .then((url) => console.log('url ' + url));
  process.on('SIGINT', () => process.exit(0));
  setInterval(() => {}, 1000);`;

interface Client extends RunningProcess {
  url: string;
}

async function startClient(path = folder): Promise<Client> {
  const started = runNode(['-e', program(path)]);
  const [, url = ''] = await started.waitForOutput(/url (\S+)\n/);
  return Object.assign(started, { url });
}

async function stop(client: RunningProcess, signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
  client.process.kill(signal);
  await client.ended;
}

const serverPid = () => Number(readFileSync(join(folder, 'cluster/postmaster.pid'), 'utf8').split('\n')[0]);
const isReachable = (url: string) => onDatabase(url, () => Promise.resolve(true)).catch(() => false);
const rows = (url: string) =>
  onDatabase(url, async (client) => (await client.query<object>('SELECT * FROM stones')).rows);

describe('the embedded PostgreSQL', () => {
  it('stops with its last client, and keeps its data for the next start', async () => {
    const [first, second] = await Promise.all([startClient(), startClient()]);
    expect(second.url).toBe(first.url);
    await onDatabase(first.url, (client) => client.query('CREATE TABLE stones AS SELECT 1 AS id'));
    await stop(first);
    expect(await isReachable(second.url)).toBe(true);
    await stop(second);
    expect(await isReachable(second.url)).toBe(false);

    const third = await startClient();
    expect(await rows(third.url)).toEqual([{ id: 1 }]);
    await stop(third);
  });

  it('is reused after its client was killed', async () => {
    const first = await startClient();
    await onDatabase(first.url, (client) => client.query('CREATE TABLE stones AS SELECT 1 AS id'));
    const pid = serverPid();
    await stop(first, 'SIGKILL');
    expect(await isReachable(first.url)).toBe(true);

    const second = await startClient();
    expect([second.url, serverPid()]).toEqual([first.url, pid]);
    expect(await rows(second.url)).toEqual([{ id: 1 }]);
    await stop(second);
    expect(await isReachable(second.url)).toBe(false);
  });

  it('recovers after it was killed, on another port if its own is taken', async () => {
    const first = await startClient();
    await onDatabase(first.url, (client) => client.query('CREATE TABLE stones AS SELECT 1 AS id'));
    process.kill(serverPid(), 'SIGKILL');
    await stop(first, 'SIGKILL');
    const portHolder = createServer();
    await new Promise<void>((resolve) =>
      portHolder.listen(Number(new URL(first.url).port), '127.0.0.1', resolve),
    );
    try {
      const second = await startClient();
      expect(new URL(second.url).port).not.toBe(new URL(first.url).port);
      expect(await rows(second.url)).toEqual([{ id: 1 }]);
      await stop(second);
    } finally {
      portHolder.close();
    }
  });

  it('runs separately for each folder, over a Unix socket if its path is short enough', async () => {
    const [one, other] = await Promise.all([
      startClient(join(folder, 'one')),
      startClient(join(folder, 'o'.repeat(100))),
    ]);
    expect(new URL(one.url).hostname).toBe(encodeURIComponent(join(folder, 'one/cluster')));
    expect(new URL(other.url).hostname).toBe('127.0.0.1');
    expect(await Promise.all([one, other].map(({ url }) => isReachable(url)))).toEqual([true, true]);
    await Promise.all([stop(one), stop(other)]);
  });
});
