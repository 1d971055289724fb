import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { onDatabase } from '../test/setup/server';
import { call, logIn, signIn } from './harness/api';
import { addUsers, emailsOf, fill } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { peakMegabytes, residentMegabytes, resetPeak } from './harness/processes';
import { Server } from './harness/servers';
import { quantile } from './harness/statistics';

/*
 * Measures three things: whether the response time reveals why a sign-in or a reset was refused, whether other requests
 * stay fast while many users sign in, and how long an export of 100,000 tasks takes.
 */
const [rounds, simultaneousLogins, tasks] = [400, 100, 100_000];

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await createDatabase();
  await fill(superuserUrl, async (client) => {
    await addUsers(client, 'exported', 1, tasks);
    await addUsers(client, 'user', simultaneousLogins, 50);
    await addUsers(client, 'inactive', 1, 50);
  });
  await onDatabase(superuserUrl, (client) =>
    client.query(`UPDATE users SET is_active = false WHERE email = 'inactive1@example.com'`),
  );
  const server = await Server.start('cairn', databaseUrl);
  const { url } = server;
  await compareTimes('login', {
    'wrong password': () => logIn(url, 'user1@example.com', 'not this one'),
    'unknown account': () => logIn(url, 'nobody@example.com', 'not this one'),
    'inactive account, right password': () => logIn(url, 'inactive1@example.com'),
  });
  const forgot = (email: string) => call(url, undefined, 'POST', '/auth/password/forgot', { email });
  await compareTimes('forgotten password', {
    'known account': () => forgot('user1@example.com'),
    'unknown account': () => forgot('nobody@example.com'),
    'inactive account': () => forgot('inactive1@example.com'),
  });
  await signInSimultaneously(url);
  await exportAll(server);
  finish();
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
  print(`${name}, ${rounds} of each kind, alternating`);
  for (const [kind, sample] of Object.entries(times)) {
    const [low, middle, high] = [0.1, 0.5, 0.9].map((q) => `${quantile(sample, q).toFixed(2)} ms`);
    const slower =
      sample === first
        ? ''
        : `; slower than the first in ${(100 * probabilityOfSlower(sample, first)).toFixed(1)}%`;
    print(`  ${kind}: 10% ${low}, median ${middle}, 90% ${high}${slower}`);
  }
}

/** The Mann-Whitney statistic: the probability that a value of one sample is larger. 50% means no difference. */
function probabilityOfSlower(sample: number[], other: number[]): number {
  let slowerPairs = 0;
  for (const a of sample) for (const b of other) slowerPairs += a > b ? 1 : a === b ? 0.5 : 0;
  return slowerPairs / (sample.length * other.length);
}

async function signInSimultaneously(url: string): Promise<void> {
  const [statuses, health]: [Record<number, number>, number[]] = [{}, []];
  for (let round = 0; round < 20; round++) {
    let isOver = false;
    const logins = Promise.all(
      emailsOf('user', simultaneousLogins).map(async (email) => {
        const response = await logIn(url, email);
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
  print(
    `${simultaneousLogins} simultaneous logins, 20 times: ${JSON.stringify(statuses)}; ` +
      `/health during the logins (${health.length} calls): median ${middle}, p99 ${p99}`,
  );
}

async function exportAll({ url, pid }: Server): Promise<void> {
  const [token] = await signIn(url, ['exported1@example.com']);
  const before = residentMegabytes(pid);
  resetPeak(pid);
  const start = performance.now();
  const text = await (await call(url, token, 'GET', '/users/me/export')).text();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const count = (JSON.parse(text) as { tasks: unknown[] }).tasks.length;
  print(
    `export: ${count} of ${tasks} tasks, ${(text.length / 1e6).toFixed(0)} MB in ${seconds} s; ` +
      `memory of the server: ${before} MB before, at most ${peakMegabytes(pid)} MB`,
  );
}

void main();
