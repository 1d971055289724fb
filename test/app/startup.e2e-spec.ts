import { createServer } from 'node:net';
import { newDatabase } from '../setup/app';
import { runNode } from '../setup/processes';
import { asRole, onDatabase } from '../setup/server';

/** The URL of a new database for the login role. */
const loginUrl = async () => asRole(await newDatabase(), 'cairn_login');
const secretKey = 'x'.repeat(32);
const start = (environment: NodeJS.ProcessEnv) =>
  runNode(['src/main.ts'], { PORT: '0', SHUTDOWN_DELAY: '0', JWT_SECRET_KEY: secretKey, ...environment });

describe('the configuration', () => {
  it('is refused with one message that lists every invalid variable', async () => {
    const app = start({
      DATABASE_URL: 'mysql://someone:hunter2@localhost/db',
      DATABASE_POOL_SIZE: '0',
      DATABASE_POOL_TIMEOUT: 'soon',
      DATABASE_POOL_RECYCLE: '-1',
      JWT_SECRET_KEY: 'short-secret',
      ACCESS_TOKEN_EXPIRE_MINUTES: '1e3',
      REFRESH_TOKEN_EXPIRE_DAYS: '2.5',
      CORS_ORIGINS: 'https://a.example, b.example',
      SQL_ECHO: 'perhaps',
      PORT: '65536',
      WEB_CONCURRENCY: '0',
      LOG_LEVEL: 'loud',
      NODE_ENV: 'prod',
      TRUST_PROXY: '10.0.0.0/8,10.0.0.0/33,true',
      JWT_ACCEPTED_SECRET_KEYS: `${secretKey},short-secret`,
      SESSION_EXPIRE_DAYS: '0',
      ARGON2_MEMORY_COST: '19456',
      ARGON2_TIME_COST: '1',
      SMTP_URL: 'http://someone:hunter2@localhost',
      APP_URL: 'app.example.com',
      REQUIRE_EMAIL_VERIFICATION: 'maybe',
      RATE_LIMIT_USER: '100',
      RATE_LIMIT_MAIL_ACCOUNT: '0/60',
    });
    expect(await app.ended).toBe(1);
    expect(
      app
        .output()
        .trim()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual([
      'Cairn cannot start: the configuration is invalid.',
      'NODE_ENV: expected one of development, test, production, got "prod"',
      'DATABASE_URL: expected postgres://user:password@host:port/database, got another value (not shown because it may contain a password)',
      'DATABASE_POOL_SIZE: expected an integer from 1 to 1000, got "0"',
      'DATABASE_POOL_TIMEOUT: expected an integer from 1 to 300, got "soon"',
      'DATABASE_POOL_RECYCLE: expected an integer from 1 to 86400, got "-1"',
      'SQL_ECHO: expected true or false, got "perhaps"',
      'JWT_SECRET_KEY: expected at least 32 random characters, for example from `openssl rand -base64 48`, got 12 characters',
      'JWT_ACCEPTED_SECRET_KEYS: expected comma-separated keys of at least 32 characters each, got a shorter key',
      'ACCESS_TOKEN_EXPIRE_MINUTES: expected an integer from 1 to 15, got "1e3"',
      'REFRESH_TOKEN_EXPIRE_DAYS: expected an integer from 1 to 90, got "2.5"',
      'SESSION_EXPIRE_DAYS: expected an integer from 1 to 365, got "0"',
      'ARGON2_TIME_COST: expected at least 2, or an ARGON2_MEMORY_COST of at least 47104, got 1',
      'SMTP_URL: expected smtp://user:password@host:port or smtps://user:password@host:port, got another value (not shown because it may contain a password)',
      'APP_URL: expected https://app.example.com, got another value (not shown because it may contain a password)',
      'REQUIRE_EMAIL_VERIFICATION: expected true or false, got "maybe"',
      'RATE_LIMIT_USER: expected a number of requests and a number of seconds such as 100/900, or off, got "100"',
      'RATE_LIMIT_MAIL_ACCOUNT: expected a number of requests and a number of seconds such as 100/900, or off, got "0/60"',
      'CORS_ORIGINS: expected comma-separated origins such as https://app.example.com, or *, got "b.example"',
      'TRUST_PROXY: expected comma-separated IP addresses or CIDR blocks such as 10.0.0.0/8, got "10.0.0.0/33,true"',
      'PORT: expected an integer from 0 to 65535, got "65536"',
      'WEB_CONCURRENCY: expected an integer from 1 to 64, got "0"',
      'LOG_LEVEL: expected one of debug, info, warn, error, silent, got "loud"',
      'See .env.example for all variables.',
    ]);
  });

  it('requires a mail server in production when email addresses must be verified', async () => {
    const environment = { NODE_ENV: 'production', DATABASE_URL: await loginUrl() };
    const app = start({ ...environment, REQUIRE_EMAIL_VERIFICATION: 'true' });
    expect(await app.ended).toBe(1);
    expect(app.output()).toContain(
      'SMTP_URL: expected the URL of an SMTP server, because REQUIRE_EMAIL_VERIFICATION is on, got no value',
    );
  });

  it('requires a database and a secret key in production', async () => {
    const app = start({ NODE_ENV: 'production', JWT_SECRET_KEY: '' });
    expect(await app.ended).toBe(1);
    expect(app.output()).toMatch(
      /DATABASE_URL: expected .*, got no value\n.*JWT_SECRET_KEY: expected .*, got no value/,
    );
  });
});

describe('settings of earlier systems', () => {
  const earlier = { API_PORT: '8000', DATABASE_ECHO: 'true' };
  const warnings = ['API_PORT has no effect. Use PORT.', 'DATABASE_ECHO has no effect. Use SQL_ECHO.'];

  it('have no effect, and the log names what to use', async () => {
    const app = start({ NODE_ENV: 'production', DATABASE_URL: await loginUrl(), ...earlier });
    const [, url] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
    expect(new URL(url!).port).not.toBe('8000');
    const entries = app
      .standardOutput()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string })
      .filter(({ msg }) => msg.includes('no effect'));
    expect(entries).toEqual(warnings.map((msg) => expect.objectContaining({ level: 'warn', msg }) as object));
    app.process.kill('SIGTERM');
    expect(await app.ended).toBe(0);
  });

  it.each([['migration:show'], ['purge', '--dry-run']])('are named by the command %s', async (...args) => {
    const url = await newDatabase();
    const command = runNode(['src/cli.ts', ...args], {
      DATABASE_URL: asRole(url, 'cairn_login'),
      MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner'),
      JWT_SECRET_KEY: secretKey,
      ...earlier,
    });
    expect([await command.ended, command.output()]).toEqual([0, command.output()]);
    for (const warning of warnings) expect(command.output().split(`${warning}\n`)).toHaveLength(2);
    expect(command.standardOutput()).not.toContain('has no effect');
  });
});

describe('the application', () => {
  it('starts in production, logs JSON, and stops on SIGTERM', async () => {
    const app = start({ NODE_ENV: 'production', DATABASE_URL: await loginUrl() });
    const [, url] = await app.waitForOutput(/Documentation: (http:\S+)\/docs/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/tasks?q=secret`)).status).toBe(401);
    await app.waitForOutput(/GET \/api\/v1\/tasks 401/);
    const encodedUrl = `${url}/api/v1/calendar.ics%3Ftoken=cairn_secret`;
    expect((await fetch(encodedUrl)).status).toBe(404);
    await app.waitForOutput(/GET \/api\/v1\/calendar.ics%3Ftoken=cairn_\*\*\* 404/);
    expect(app.output()).not.toContain('secret');
    const line = app
      .output()
      .split('\n')
      .find((text) => text.includes('/api/v1/tasks'))!;
    expect(JSON.parse(line)).toMatchObject({ level: 'info', context: 'Request' });
    app.process.kill('SIGTERM');
    expect(await app.ended).toBe(0);
  });

  it('accepts a database URL in SQLAlchemy notation', async () => {
    const url = (await loginUrl()).replace('postgresql:', 'postgresql+psycopg2:');
    const app = start({ DATABASE_URL: url });
    await app.waitForOutput(/Cairn is running/);
    app.process.kill('SIGINT');
    expect(await app.ended).toBe(0);
  });

  it('does not start without the migrations, and names the command that applies them', async () => {
    const url = await newDatabase();
    await onDatabase(url, (client) => client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));
    const app = start({ DATABASE_URL: url });
    expect(await app.ended).toBe(1);
    expect(app.output()).toMatch(
      /^Cairn cannot start: these migrations are not applied: Baseline1795276800000(, \w+)*\. Apply them with: npm run migration:run$/m,
    );
  });

  it('does not start in production as a role that bypasses row-level security, and names the right role', async () => {
    const url = await newDatabase();
    const app = start({ DATABASE_URL: url, NODE_ENV: 'production' });
    expect(await app.ended).toBe(1);
    expect(app.output()).toContain(
      'the role postgres of DATABASE_URL bypasses row-level security. Use cairn_login instead',
    );
    const development = start({ DATABASE_URL: url });
    await development.waitForOutput(/Cairn is running/);
    development.process.kill('SIGTERM');
    expect(await development.ended).toBe(0);
  });

  it('does not start as a role that lacks grants, and prints the missing GRANT', async () => {
    const url = new URL(await newDatabase());
    const role = `cairn_test_stranger_${process.pid}`;
    await onDatabase(url.toString(), (client) =>
      client.query(`CREATE ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(decodeURIComponent(url.password))};
        GRANT EXECUTE ON FUNCTION schema_migrations() TO ${role}`),
    );
    const app = start({ DATABASE_URL: Object.assign(new URL(url), { username: role }).toString() });
    expect(await app.ended).toBe(1);
    expect(app.output()).toContain(`run: GRANT cairn_app, cairn_auth, cairn_admin, cairn_purge TO ${role}`);
    await onDatabase(url.toString(), (client) => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
  });

  it('does not start when the database is unreachable, and prints no password', async () => {
    const app = start({ DATABASE_URL: 'postgres://cairn:hunter2@127.0.0.1:1/cairn' });
    expect(await app.ended).toBe(1);
    expect(app.output()).toMatch(/Cairn cannot start: .*ECONNREFUSED/);
    expect(app.output()).not.toContain('hunter2');
  });

  it('names the variable and the server when the database cannot be connected to, in one sentence', async () => {
    const app = start({ DATABASE_URL: 'postgres://cairn:hunter2@127.0.0.1:1/tasks' });
    expect(await app.ended).toBe(1);
    expect(app.output()).toBe(
      'Cairn cannot start: the connection to the database of DATABASE_URL failed: connect ECONNREFUSED 127.0.0.1:1. ' +
        'Check that PostgreSQL runs at 127.0.0.1:1, and that cairn may connect to tasks with the password of DATABASE_URL.\n',
    );

    const url = Object.assign(new URL(await loginUrl()), { password: 'hunter2', pathname: '/missing' });
    const refused = start({ DATABASE_URL: url.toString() });
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toMatch(
      /^Cairn cannot start: the connection to the database of DATABASE_URL failed: .+\n$/,
    );
    expect(refused.output()).not.toContain('hunter2');
  });

  it('names MIGRATION_DATABASE_URL when migrations cannot connect', async () => {
    const migration = runNode(['node_modules/typeorm/cli.js', '-d', 'ormconfig.ts', 'migration:run'], {
      JWT_SECRET_KEY: secretKey,
      DATABASE_URL: await loginUrl(),
      MIGRATION_DATABASE_URL: 'postgres://owner:hunter2@127.0.0.1:1/tasks',
    });
    expect(await migration.ended).toBe(1);
    expect(migration.output()).toContain(
      'the connection to the database of MIGRATION_DATABASE_URL failed: connect ECONNREFUSED 127.0.0.1:1. Check that',
    );
    expect(migration.output()).not.toMatch(/hunter2|^ +at /m);
  });

  it('does not start when the port is in use, and says so', async () => {
    const portHolder = createServer();
    const port = await new Promise<number>((resolve) =>
      portHolder.listen(0, '127.0.0.1', () => resolve((portHolder.address() as { port: number }).port)),
    );
    try {
      const app = start({ DATABASE_URL: await loginUrl(), PORT: String(port) });
      expect(await app.ended).toBe(1);
      expect(app.output()).toContain(
        `Cairn cannot start: port ${port} is already in use. Set PORT to another port.\n`,
      );
    } finally {
      portHolder.close();
    }
  });
});
