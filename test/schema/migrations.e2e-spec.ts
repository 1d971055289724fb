import { rmSync } from 'node:fs';
import { newDatabase } from '../setup/app';
import { copyProject } from '../setup/project-copy';
import { run, runNode } from '../setup/processes';
import { schemaLines } from '../setup/schema-lines';
import { asRole, onDatabase } from '../setup/server';

async function migration(url: string, ...args: string[]): Promise<string> {
  const command = run('npm', ['run', '-s', ...args], environment(url));
  expect([await command.ended, command.output()]).toEqual([0, command.output()]);
  return command.output();
}

const environment = (url: string) => ({
  MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner'),
  DATABASE_URL: asRole(url, 'cairn_login'),
  JWT_SECRET_KEY: 'x'.repeat(32),
});

async function emptyDatabase(): Promise<string> {
  const url = await newDatabase();
  await onDatabase(url, (client) =>
    client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION cairn_owner'),
  );
  return url;
}

it('go up, down to nothing, and up again to the same schema', async () => {
  const url = await emptyDatabase();
  expect(await migration(url, 'migration:show')).toMatch(/\[ \] 1? ?Baseline1795276800000/);
  await migration(url, 'migration:run');
  expect(await migration(url, 'migration:show')).toMatch(/\[X\] \d+ Baseline1795276800000/);
  const first = await schemaLines(url);
  expect(first.filter((line) => line.startsWith('index')).length).toBeGreaterThan(15);

  for (;;) {
    const output = await migration(url, 'migration:revert', '--', '--yes');
    if (!output.includes('has been reverted')) break;
  }
  const nothing = await schemaLines(url);
  expect(nothing.filter((line) => !/\bmigrations/.test(line))).toEqual([]);

  await migration(url, 'migration:run');
  expect(await schemaLines(url)).toEqual(first);
});

describe('the privileges of PUBLIC on the database', () => {
  const grantSql = (url: string) =>
    `GRANT TEMPORARY, CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC`;
  const privileges = (url: string) =>
    onDatabase(url, async (client) => {
      const { rows } = await client.query<object>(`
        SELECT has_database_privilege('cairn_login', current_database(), 'TEMPORARY') AS may_create_temporary,
          has_database_privilege('cairn_login', current_database(), 'CREATE') AS may_create_schemas,
          has_schema_privilege('cairn_login', 'public', 'CREATE') AS may_create`);
      return rows[0];
    });

  it('are revoked if the schema owner owns the database', async () => {
    const url = await emptyDatabase();
    await onDatabase(url, (client) => client.query(grantSql(url)));
    expect(await privileges(url)).toEqual({
      may_create_temporary: true,
      may_create_schemas: true,
      may_create: true,
    });
    await migration(url, 'migration:run');
    expect(await privileges(url)).toEqual({
      may_create_temporary: false,
      may_create_schemas: false,
      may_create: false,
    });
  });

  it('remain on the database of another owner, who can revoke them', async () => {
    const url = await emptyDatabase();
    const name = new URL(url).pathname.slice(1);
    await onDatabase(url, (client) =>
      client.query(`${grantSql(url)}; ALTER DATABASE ${name} OWNER TO postgres`),
    );
    await migration(url, 'migration:run');
    expect(await privileges(url)).toEqual({
      may_create_temporary: true,
      may_create_schemas: true,
      may_create: false,
    });
    await onDatabase(url, (client) =>
      client.query(`REVOKE TEMPORARY, CREATE ON DATABASE ${name} FROM PUBLIC`),
    );
    expect(await privileges(url)).toMatchObject({ may_create_temporary: false, may_create_schemas: false });
  });
});

describe('a database of an earlier development version', () => {
  const earlierVersion = `
    CREATE TABLE users (id uuid PRIMARY KEY);
    CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL);
    INSERT INTO migrations (timestamp, name) VALUES (1795219200000, 'Schema1795219200000');
    CREATE FUNCTION applied_migrations() RETURNS SETOF varchar LANGUAGE sql STABLE SECURITY DEFINER
      SET search_path = public, pg_temp AS 'SELECT name FROM migrations'`;
  let url: string;
  beforeAll(async () => {
    url = await emptyDatabase();
    await onDatabase(asRole(url, 'cairn_owner'), (client) =>
      client.query(`${earlierVersion}; GRANT USAGE ON SCHEMA public TO cairn_login`),
    );
  });

  const message =
    'This database was created by an earlier development version of Cairn and cannot be migrated. To start afresh, ' +
    'which deletes its data: for the embedded database, stop Cairn and run `rm -rf .data/postgres`; for another ' +
    'database, run as its owner: DROP SCHEMA public CASCADE; CREATE SCHEMA public;';

  it('is not migrated, and the command says what to do', async () => {
    const command = run('npm', ['run', '-s', 'migration:run'], environment(url));
    expect(await command.ended).not.toBe(0);
    expect(command.output()).toContain(message);
  });

  it('is not migrated when only the table of migrations is left', async () => {
    const rest = await emptyDatabase();
    await onDatabase(asRole(rest, 'cairn_owner'), (client) =>
      client.query(`CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL);
        INSERT INTO migrations (timestamp, name) VALUES (1795219200000, 'Schema1795219200000')`),
    );
    const command = run('npm', ['run', '-s', 'migration:run'], environment(rest));
    expect(await command.ended).not.toBe(0);
    expect(command.output()).toContain(message);
  });

  it('prevents the application from starting, with only this message', async () => {
    const app = runNode(['src/main.ts'], { PORT: '0', ...environment(url) });
    expect([await app.ended, app.output()]).toEqual([1, `Cairn cannot start. ${message}\n`]);
  });

  it('does not serve the application when it is the embedded database', async () => {
    const folder = copyProject();
    try {
      const code = `
        const { startEmbeddedPostgres } = require('./src/database/embedded-postgres');
        const { setUpDatabase } = require('./src/database/set-up-database');
        startEmbeddedPostgres(require('./src/core/config').dataFolder + '/postgres').then((server) => setUpDatabase(server, 'cairn'))
          .then(({ migrationDatabaseUrl }) => {
            const client = new (require('pg').Client)(migrationDatabaseUrl);
            return client.connect().then(() => client.query(process.env.SQL));
          }).then(() => process.exit(0));`;
      const preparation = runNode(['-e', code], { SQL: earlierVersion }, folder);
      expect([await preparation.ended, preparation.output()]).toEqual([0, '']);
      const app = runNode(['src/main.ts'], { PORT: '0' }, folder);
      expect([await app.ended, app.output()]).toEqual([1, `Cairn cannot start. ${message}\n`]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
