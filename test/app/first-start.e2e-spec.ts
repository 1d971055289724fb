import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyProject } from '../setup/project-copy';
import { run, runNode } from '../setup/processes';

/* A new checkout after `npm ci`, with an empty environment. */
let folder: string;
beforeAll(() => (folder = copyProject()));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (environment = {}) => runNode(['src/main.ts'], { PORT: '0', ...environment }, folder);

it('the first start sets up the embedded PostgreSQL, and the tour of the README works', async () => {
  const app = start();
  const [, url] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const [, tour = ''] = /```sh\n(api=http.+?)```/s.exec(readme)!;
  const shell = run(
    'bash',
    ['-eo', 'pipefail', '-c', tour.replace('http://127.0.0.1:3000', url!)],
    {},
    folder,
  );
  expect(await shell.ended).toBe(0);

  // The output is the JSON of each response that the tour does not assign to a variable.
  const responses = shell
    .output()
    .replace(/BEGIN:VCALENDAR.+END:VCALENDAR\r\n/s, (feed) => JSON.stringify({ feed }))
    .replace(/\}\{/g, '}\n{')
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const task = { title: 'Write the first chapter', priority: 2, due_date: '2026-12-31T23:59:59.999Z' };
  const goal = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
  expect(responses).toEqual([
    expect.objectContaining({ email: 'you@example.com' }),
    {
      items: [expect.objectContaining({ ...task, status: 'pending', goal_id: goal })],
      next_cursor: null,
      total: 1,
    },
    expect.objectContaining({ ...task, status: 'completed' }),
    expect.objectContaining({ title: 'Publish a book', status: 'completed', progress: 100 }),
    {
      items: [expect.objectContaining({ version: 2 }), expect.objectContaining({ operation: 'create' })],
      next_cursor: null,
    },
    expect.objectContaining({ ...task, status: 'pending' }),
    expect.objectContaining({
      active_goals: { count: 1, items: [expect.objectContaining({ progress: 0 })] },
    }),
    expect.objectContaining({ goals: [expect.anything()], tasks: [expect.objectContaining(task)] }),
    { feed: expect.stringContaining('SUMMARY:Write the first chapter') as string },
    expect.objectContaining({ ...task, goal_id: null }),
    expect.objectContaining({ status: 401 }),
  ]);
  app.process.kill('SIGINT');
  expect(await app.ended).toBe(0);
});

it('the seed command works beside the application, and data and sessions survive a restart', async () => {
  const app = start({ DATABASE_POOL_SIZE: '1' });
  const [, url] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
  const seed = runNode(['src/cli.ts', 'seed'], {}, folder);
  expect([await seed.ended, seed.output()]).toEqual([
    0,
    expect.stringContaining('Sign in as demo@example.com'),
  ]);
  const response = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"username": "demo", "password": "a cairn of many stones"}',
  });
  const { access_token } = (await response.json()) as { access_token: string };
  app.process.kill('SIGTERM');
  expect(await app.ended).toBe(0);

  const restarted = start();
  const [, newUrl] = await restarted.waitForOutput(/Documentation: (http:\S+)\/docs/);
  const list = await fetch(`${newUrl}/api/v1/tasks?limit=1&include=total`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  expect(((await list.json()) as { total: number }).total).toBeGreaterThan(100);
  restarted.process.kill('SIGTERM');
  expect(await restarted.ended).toBe(0);
});
