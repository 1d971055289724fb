import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { onDatabase } from '../test/setup/server';
import { benchDatabase, logIn, passwordHash, post, signIn, startServer } from './setup';

/*
 * Measures three things: whether the response time reveals why a sign-in or a reset was refused, whether other requests
 * stay fast while many users sign in, and how long an export of 100,000 tasks takes.
 */
const [rounds, simultaneousLogins, tasks] = [400, 100, 100_000];

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await benchDatabase();
  const hash = await passwordHash();
  await onDatabase(superuserUrl, async (client) => {
    await client.query(`INSERT INTO users (id, email, password_hash, is_active)
      SELECT gen_random_uuid(), 'bench' || n || '@example.com', ${client.escapeLiteral(hash)}, n <> 2 FROM generate_series(1, 10000) n`);
    await client.query(`INSERT INTO tasks (user_id, id, title, description, category, due_date)
      SELECT u.id, gen_random_uuid(), 'Task number ' || n, 'Description of task ' || n, 'c' || n % 10, now()
      FROM users u, generate_series(1, ${tasks}) n WHERE u.email = 'bench1@example.com'`);
    await client.query('VACUUM ANALYZE');
  });
  const { url, process: server } = await startServer('cairn', databaseUrl);
  await compareTimes('login', {
    'wrong password': () => logIn(url, 'bench1@example.com', 'not this one'),
    'unknown account': () => logIn(url, 'nobody@example.com', 'not this one'),
    'inactive account, right password': () => logIn(url, 'bench2@example.com'),
  });
  await compareTimes('forgotten password', {
    'known account': () => post(url, '/auth/password/forgot', { email: 'bench1@example.com' }),
    'unknown account': () => post(url, '/auth/password/forgot', { email: 'nobody@example.com' }),
    'inactive account': () => post(url, '/auth/password/forgot', { email: 'bench2@example.com' }),
  });
  await signInSimultaneously(url);
  await exportAll(url, server.pid!);
  server.kill();
  process.exit(0);
}

/** Runs the calls alternately. Reports how often a call of each kind is slower than a call of the first kind. */
async function compareTimes(name: string, calls: Record<string, () => Promise<Response>>): Promise<void> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(calls).map((kind) => [kind, []]));
  for (let round = -20; round < rounds; round++) {
    for (const [kind, call] of Object.entries(calls)) {
      const start = performance.now();
      await (await call()).text();
      if (round >= 0) times[kind]!.push(performance.now() - start);
    }
  }
  const [[, first = []] = []] = Object.entries(times);
  process.stdout.write(`${name}, ${rounds} of each kind, alternating\n`);
  for (const [kind, sample] of Object.entries(times)) {
    const [low, middle, high] = [0.1, 0.5, 0.9].map((q) => `${quantile(sample, q).toFixed(2)} ms`);
    const slower =
      sample === first
        ? ''
        : `; slower than the first in ${(100 * probabilityOfSlower(sample, first)).toFixed(1)}%`;
    process.stdout.write(`  ${kind}: 10% ${low}, median ${middle}, 90% ${high}${slower}\n`);
  }
}

/** The Mann-Whitney statistic: the probability that a value of one sample is larger. 50% means no difference. */
function probabilityOfSlower(sample: number[], other: number[]): number {
  let slowerPairs = 0;
  for (const a of sample) for (const b of other) slowerPairs += a > b ? 1 : a === b ? 0.5 : 0;
  return slowerPairs / (sample.length * other.length);
}

function quantile(sample: number[], q: number): number {
  return [...sample].sort((a, b) => a - b)[Math.min(sample.length - 1, Math.floor(q * sample.length))]!;
}

async function signInSimultaneously(url: string): Promise<void> {
  const [statuses, health]: [Record<number, number>, number[]] = [{}, []];
  for (let round = 0; round < 20; round++) {
    let isOver = false;
    const logins = Promise.all(
      Array.from({ length: simultaneousLogins }, async (_, i) => {
        const response = await logIn(url, `bench${10 + i}@example.com`);
        await response.text();
        statuses[response.status] = (statuses[response.status] ?? 0) + 1;
      }),
    ).finally(() => (isOver = true));
    while (!isOver) {
      const start = performance.now();
      const [response] = (await once(get(`${url}/health`), 'response')) as [
        import('node:http').IncomingMessage,
      ];
      response.resume();
      health.push(performance.now() - start);
      await delay(2);
    }
    await logins;
  }
  const [middle, p99] = [0.5, 0.99].map((q) => `${quantile(health, q).toFixed(1)} ms`);
  process.stdout.write(
    `${simultaneousLogins} simultaneous logins, 20 times: ${JSON.stringify(statuses)}; ` +
      `/health during the logins (${health.length} calls): median ${middle}, p99 ${p99}\n`,
  );
}

async function exportAll(url: string, pid: number): Promise<void> {
  const [token] = await signIn(url, ['bench1@example.com']);
  let peak = memory(pid);
  const before = peak;
  const timer = setInterval(() => (peak = Math.max(peak, memory(pid))), 20);
  const start = performance.now();
  const response = await fetch(`${url}/api/v1/users/me/export`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const text = await response.text();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  clearInterval(timer);
  const count = (JSON.parse(text) as { tasks: unknown[] }).tasks.length;
  process.stdout.write(
    `export: ${count} of ${tasks} tasks, ${(text.length / 1e6).toFixed(0)} MB in ${seconds} s; ` +
      `memory of the server: ${before} MB before, at most ${peak} MB\n`,
  );
}

/** Resident memory in MB, on Linux. */
function memory(pid: number): number {
  const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Math.round(Number(kb) / 1024);
}

void main();
