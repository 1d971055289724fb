import { Client } from 'pg';
import { startApp, TestApp } from '../setup/app';
import { ids, newTask, newUser, signIn, TestUser } from '../setup/factories';
import { PostgresProxy } from '../setup/postgres-proxy';
import { run } from '../setup/processes';
import { onDatabase } from '../setup/server';

let direct: TestApp;
let proxy: PostgresProxy;
let app: TestApp;
beforeAll(async () => {
  direct = await startApp();
  proxy = await PostgresProxy.open(direct.databaseUrl);
  proxy.isPooler = true;
  app = await startApp({ DATABASE_URL: proxy.url, DATABASE_POOL_SIZE: '4' });
});
afterAll(async () => {
  await app?.close();
  proxy?.close();
  await direct?.close();
});

const sample = [
  '/tasks',
  '/goals',
  '/tags',
  '/dashboard',
  '/tasks/summary',
  '/users/me',
  '/tasks?q=a&sort=title',
];

describe('behind a pooler that parses each statement name once per connection', () => {
  it('users who are signed out do not disturb others: no statement name is sent twice', async () => {
    const user = await newUser(app);
    const task = await newTask(user);
    const signedOut: TestUser[] = [];
    for (let i = 0; i < 4; i++) signedOut.push(await signIn(app, user.email));
    for (const { api } of signedOut) await api.post('/auth/logout').expect(204);
    for (const path of sample) {
      // The statements of a transaction that is refused are not prepared.
      await Promise.all(signedOut.map(({ api }) => api.get(path).expect(401)));
      await Promise.all(signedOut.map(() => user.api.get(path).expect(200)));
    }
    expect(await ids(user, '/tasks')).toEqual([task.id]);
    expect(proxy.refusals).toBe(0);
  });

  it('statements that PostgreSQL refuses keep working', async () => {
    const user = await newUser(app);
    for (let i = 0; i < 8; i++) {
      await user.api
        .post('/tasks', { title: 'x', goal_id: '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3' })
        .expect(404);
      await newTask(user, { title: 'x' });
    }
    await Promise.all(
      Array.from({ length: 8 }, () => user.api.post('/auth/email/verify', { token: 'unknown' }).expect(422)),
    );
    expect(proxy.refusals).toBe(0);
  });

  it('the proxy refuses what PgBouncer refuses', async () => {
    const before = proxy.refusals;
    const connect = async (parameters: string, ...texts: string[]) => {
      const client = new Client({ connectionString: `${proxy.url}${parameters}` });
      client.on('error', () => undefined);
      try {
        await client.connect();
        for (const text of texts) await client.query({ name: text, text }).catch(() => undefined);
        return 'connected';
      } catch (error) {
        return (error as { code: string }).code;
      } finally {
        await client.end().catch(() => undefined);
      }
    };
    expect(await connect('')).toBe('connected');
    expect(proxy.refusals).toBe(before);
    expect(await connect('?statement_timeout=8000')).toBe('ECONNRESET');
    expect(proxy.refusals).toBe(before + 1);
    await connect('', 'SELECT no_such_column', 'SELECT no_such_column');
    expect(proxy.refusals).toBe(before + 2);
  });

  it('the application starts, and stores the settings of its role', async () => {
    const settings = () =>
      onDatabase(direct.databaseUrl, async (client) => {
        const { rows } = await client.query<{ setting: string }>(
          `SELECT unnest(setconfig) AS setting FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
           WHERE datname = current_database() AND setrole = 'stranger'::regrole ORDER BY 1`,
        );
        return rows.map(({ setting }) => setting);
      });
    await onDatabase(direct.databaseUrl, async (client) => {
      const { password } = new URL(direct.databaseUrl);
      await client.query(`CREATE ROLE stranger LOGIN NOINHERIT PASSWORD '${decodeURIComponent(password)}'`);
      await client.query('GRANT cairn_app, cairn_auth, cairn_admin, cairn_purge TO stranger');
      await client.query(`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO stranger`);
      await client.query(`GRANT USAGE ON SCHEMA public TO stranger`);
    });
    try {
      const url = Object.assign(new URL(proxy.url), { username: 'stranger' }).toString();
      const command = run('node', ['-r', '@swc-node/register', 'src/cli.ts', 'purge', '--dry-run'], {
        DATABASE_URL: url,
        JWT_SECRET_KEY: 'x'.repeat(32),
      });
      expect([await command.ended, command.output()]).toEqual([0, command.output()]);
      // The time zone of the server can be UTC already.
      expect((await settings()).filter((setting) => setting !== 'TimeZone=UTC')).toEqual([
        'idle_in_transaction_session_timeout=16s',
        'lock_timeout=4s',
        'plan_cache_mode=force_generic_plan',
        'random_page_cost=1.1',
        'statement_timeout=8s',
      ]);
    } finally {
      await onDatabase(direct.databaseUrl, async (client) => {
        await client.query('DROP OWNED BY stranger; DROP ROLE stranger');
      });
    }
  });
});
