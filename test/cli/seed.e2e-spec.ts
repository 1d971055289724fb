import { newDatabase } from '../setup/app';
import { runCli } from '../setup/cli';
import { runNode } from '../setup/processes';
import { asRole } from '../setup/server';

describe('the seed command', () => {
  const secretKey = 'x'.repeat(32);
  const loginUrl = async () => asRole(await newDatabase(), 'cairn_login');
  const seed = (url: string, environment = {}) =>
    runCli(['seed'], { DATABASE_URL: url, JWT_SECRET_KEY: secretKey, ...environment });

  it('creates demo data once, and prints a login that works', async () => {
    const url = await loginUrl();
    const first = await seed(url);
    expect(first).toEqual([
      0,
      expect.stringMatching(
        /^Created 3 users, \d\d goals and \d{3} tasks\. Sign in as (\S+) \(or demo\) with the password: (.+)\n$/,
      ),
    ]);
    expect(await seed(url)).toEqual([0, expect.stringContaining('already exists')]);

    const app = runNode(['src/main.ts'], { PORT: '0', JWT_SECRET_KEY: secretKey, DATABASE_URL: url });
    const [, apiUrl] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
    const [, password] = /password: (.+)\n/.exec(first[1])!;
    const login = await fetch(`${apiUrl}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'demo', password }),
    });
    const { access_token } = (await login.json()) as { access_token: string };
    const list = await fetch(`${apiUrl}/api/v1/tasks?include=total&status=completed`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    expect(((await list.json()) as { total: number }).total).toBeGreaterThan(20);
    app.process.kill('SIGTERM');
    await app.ended;
  });

  it('refuses to run in production', async () => {
    expect(await seed(await loginUrl(), { NODE_ENV: 'production' })).toEqual([
      1,
      expect.stringContaining('not for production'),
    ]);
  });

  it('is listed with the other commands', async () => {
    const [status, output] = await runCli(['sow'], {});
    expect([status, output]).toEqual([1, expect.stringMatching(/^error: unknown command 'sow'\n/)]);
    for (const name of ['seed', 'user:promote', 'purge', 'migration:run', 'migration:revert', 'help']) {
      expect(output).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });
});
