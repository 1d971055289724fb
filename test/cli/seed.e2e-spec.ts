import { newDatabase } from '../setup/app';
import { run, runNode } from '../setup/processes';
import { asRole } from '../setup/server';

describe('the seed command', () => {
  const secretKey = 'x'.repeat(32);
  const loginUrl = async () => asRole(await newDatabase(), 'cairn_login');
  const seed = (url: string, environment = {}) =>
    runNode(['src/cli.ts', 'seed'], { DATABASE_URL: url, JWT_SECRET_KEY: secretKey, ...environment });

  it('creates demo data once, and prints a login that works', async () => {
    const url = await loginUrl();
    const first = seed(url);
    expect([await first.ended, first.output()]).toEqual([
      0,
      expect.stringMatching(
        /^Created 3 users, \d\d goals and \d{3} tasks\. Sign in as (\S+) \(or demo\) with the password: (.+)\n$/,
      ),
    ]);
    const again = seed(url);
    expect([await again.ended, again.output()]).toEqual([0, expect.stringContaining('already exists')]);

    const app = runNode(['src/main.ts'], { PORT: '0', JWT_SECRET_KEY: secretKey, DATABASE_URL: url });
    const [, apiUrl] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
    const [, password] = /password: (.+)\n/.exec(first.output())!;
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
    const command = seed(await loginUrl(), { NODE_ENV: 'production' });
    expect([await command.ended, command.output()]).toEqual([
      1,
      expect.stringContaining('not for production'),
    ]);
  });

  it('is listed with the other commands', async () => {
    const command = run('node', ['-r', '@swc-node/register', 'src/cli.ts', 'sow'], {});
    expect([await command.ended, command.output()]).toEqual([
      1,
      'Usage: npm run cli -- COMMAND. Commands: seed, user:promote, purge\n',
    ]);
  });
});
