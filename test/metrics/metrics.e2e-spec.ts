import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'pg';
import { parse } from 'yaml';
import { projectFolder } from '../../src/core/config';
import { newDatabase, TestApp } from '../setup/app';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { Mailbox } from '../setup/mailbox';
import { runNode, RunningProcess } from '../setup/processes';
import { asRole } from '../setup/server';

const password = 'a cairn of many stones';
let databaseUrl: string;
let mailbox: Mailbox;
let app: RunningProcess;
let url: string;
let metricsUrl: string;
let headers: Record<string, string>;

beforeAll(async () => {
  databaseUrl = await newDatabase();
  mailbox = await Mailbox.open();
  app = runNode(['src/main.ts'], {
    DATABASE_URL: asRole(databaseUrl, 'cairn_login'),
    DATABASE_POOL_SIZE: '4',
    JWT_SECRET_KEY: 'x'.repeat(32),
    SMTP_URL: mailbox.url,
    USER_QUEUE_SIZE: '1',
    RATE_LIMIT_MAIL_ACCOUNT: '2/3600',
    PORT: '0',
    METRICS_PORT: '0',
  });
  [, metricsUrl = ''] = await app.waitForOutput(/Metrics: (http:\S+\/metrics)/);
  [, url = ''] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
  await call('POST', '/auth/register', { email: 'metrics@example.com', password });
  const response = await call('POST', '/auth/login', { email: 'metrics@example.com', password });
  const { access_token } = (await response.json()) as { access_token: string };
  headers = { authorization: `Bearer ${access_token}` };
});

afterAll(async () => {
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);
  await mailbox.close();
});

function call(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
}

/** The samples by their name and labels, in the order of the labels' names. */
async function scrape(): Promise<Map<string, number>> {
  const text = await (await fetch(metricsUrl)).text();
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)!;
    const sorted =
      labels
        .match(/\w+="[^"]*"/g)
        ?.sort()
        .join(',') ?? '';
    samples.set(sorted ? `${name}{${sorted}}` : name!, Number(value));
  }
  return samples;
}

it('requests are counted by method, route pattern and status', async () => {
  const before = await scrape();
  const id = '01890000-0000-4000-8000-000000000000';
  for (const path of ['/tasks', '/tasks', `/tasks/${id}`, '/nowhere', '/nowhere/else'])
    await call('GET', path);
  const after = await scrape();
  const requests = 'cairn_http_request_duration_seconds_count';
  const increase = (labels: string) =>
    (after.get(`${requests}{${labels}}`) ?? 0) - (before.get(`${requests}{${labels}}`) ?? 0);
  expect(increase('method="GET",route="/api/v1/tasks",status="200"')).toBe(2);
  expect(increase('method="GET",route="/api/v1/tasks/:id",status="404"')).toBe(1);
  expect(increase('method="GET",route="none",status="404"')).toBe(2);
  expect([...after.keys()].join('\n')).not.toMatch(new RegExp(`${id}|nowhere|metrics@`));
});

it('statements are counted by kind, and mails, limits and security events by their result', async () => {
  const before = await scrape();
  await (await call('POST', '/tasks', { title: 'A task' })).text();
  for (const count of [1, 2, 3]) {
    const response = await call('POST', '/auth/password/forgot', { email: 'metrics@example.com' });
    // The mail of the registration counts too.
    expect(response.status).toBe(count < 2 ? 202 : 429);
  }
  await call('POST', '/auth/login', { email: 'metrics@example.com', password: 'a wrong password' });
  const after = await scrape();
  const increase = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  expect(increase('cairn_database_statement_duration_seconds_count{kind="insert"}')).toBeGreaterThanOrEqual(
    1,
  );
  expect(increase('cairn_database_statement_duration_seconds_count{kind="select"}')).toBeGreaterThanOrEqual(
    1,
  );
  expect(increase('cairn_rate_limit_refusals_total{limit="mail-account"}')).toBe(2);
  expect(increase('cairn_problems_total{code="rate_limited",status="429"}')).toBe(2);
  expect(increase('cairn_security_events_total{event="sign_in_failed"}')).toBe(1);
  expect(after.get('cairn_purges_total{result="completed"}')).toBe(1);
});

it('waiting transactions, full queues, mails and connections are reported', async () => {
  const database = { database: new Pool({ connectionString: databaseUrl }) } as TestApp;
  const unblock = await blockWrites(database, 'INSERT ON tasks');
  const create = () => call('POST', '/tasks', { title: 'A task' });
  const first = create();
  await waitForLockWaits(database, 1);
  const second = create();
  while ((await scrape()).get('cairn_user_queues_waiting') !== 1);
  expect((await create()).status).toBe(429);
  let samples = await scrape();
  // Background work may use another connection for a moment.
  while (samples.get('cairn_database_connections_busy') !== 1) samples = await scrape();
  expect(samples.get('cairn_problems_total{code="too_many_requests",status="429"}')).toBe(1);
  expect(samples.get('cairn_database_connections_max')).toBe(4);
  expect(samples.get('cairn_database_connections_waiting')).toBe(0);
  expect(samples.get('cairn_passwords_waiting')).toBe(0);
  while ((await scrape()).get('cairn_mails_waiting') !== 0);
  await database.database.query(
    `INSERT INTO mails (id, kind, email, due_at) VALUES (gen_random_uuid(), 'verify_email', 'x@example.com', now() + interval '1 day')`,
  );
  expect((await scrape()).get('cairn_mails_waiting')).toBe(1);
  await unblock();
  expect([(await first).status, (await second).status]).toEqual([201, 201]);
  await database.database.end();
});

it('only GET /metrics of this port is served, and the port of the API does not serve metrics', async () => {
  expect((await fetch(metricsUrl, { method: 'POST' })).status).toBe(404);
  expect((await fetch(new URL('/', metricsUrl))).status).toBe(404);
  expect((await fetch(`${url}/metrics`)).status).toBe(404);
});

describe('every query names metrics that exist:', () => {
  const folder = join(projectFolder, 'docs/monitoring');
  const { groups } = parse(readFileSync(join(folder, 'alerts.yaml'), 'utf8')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const { panels } = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const queries = [
    ...groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const)),
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [`panel ${title}`, expr] as const)),
  ];

  it.each(queries)('%s', async (_name, query) => {
    const text = await (await fetch(metricsUrl)).text();
    // `up` is added by Prometheus.
    const existing = new Set(['up']);
    for (const [, name, type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
      const suffixes = type === 'histogram' ? ['_bucket', '_count', '_sum'] : [''];
      for (const suffix of suffixes) existing.add(name + suffix);
    }
    expect(metricsOf(query)).not.toEqual([]);
    for (const metric of metricsOf(query)) expect(existing).toContain(metric);
  });
});

/** The names in a query that are followed neither by a parenthesis nor belong to labels or durations. */
function metricsOf(query: string): string[] {
  const withoutLabels = query.replace(/\{[^}]*\}|\[[^\]]*\]|\b(by|without) \([^)]*\)/g, ' ');
  return withoutLabels.match(/\b[a-zA-Z_]\w*\b(?! *\()/g) ?? [];
}
