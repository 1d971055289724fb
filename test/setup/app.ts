import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Pool } from 'pg';
import { createApp } from '../../src/app';
import { loadConfig } from '../../src/config';
import { serverSettings } from '../../src/schema/data-source';
import { openApiDocument } from '../../src/http/openapi';
import { Mailer } from '../../src/mail/mailer';
import { PurgeService } from '../../src/purge/purge.service';
import { Api } from './api';
import { Contract } from './contract';
import { Mailbox } from './mailbox';
import { asRole, onDatabase, template } from './server';

export const server = (): string => process.env.CAIRN_TEST_SERVER!;

/** A running application with a database of its own, as a test file sees it. */
export interface TestApp {
  url: string;
  /** The superuser's. */
  databaseUrl: string;
  /** Calls the API without a token. */
  api: Api;
  contract: Contract;
  /** What it mailed. */
  mailbox: Mailbox;
  /** Looks at the database from outside, as a superuser. */
  database: Pool;
  close(): Promise<void>;
}

/** A database of its own, a clone of the migrated template: the superuser's URL. */
export async function newDatabase(): Promise<string> {
  const name = `cairn_test_${randomBytes(6).toString('hex')}`;
  const create = `CREATE DATABASE ${name} TEMPLATE ${template} OWNER cairn_owner`;
  await onDatabase(server(), (client) => client.query(create));
  return Object.assign(new URL(server()), { pathname: `/${name}` }).toString();
}

/**
 * Starts the application on a free port, under the login role, without limits. Further ones on the same database
 * are other instances.
 */
export async function startApp(environment: NodeJS.ProcessEnv = {}): Promise<TestApp> {
  const database = environment.DATABASE_URL ?? (await newDatabase());
  const mailbox = await Mailbox.open();
  const config = loadConfig({
    NODE_ENV: 'test',
    JWT_SECRET_KEY: 'a secret of the tests, long enough',
    LOG_LEVEL: 'error',
    RATE_LIMITS: 'off',
    SMTP_URL: mailbox.url,
    ...environment,
    DATABASE_URL: asRole(database, 'cairn_login'),
  });
  const app: NestFastifyApplication = await createApp(config);
  await app.listen(0, '127.0.0.1');
  // What the application does by itself at its start would else come between the statements of a test.
  await Promise.all([app.get(Mailer).work, app.get(PurgeService).work]);
  const url = await app.getUrl();
  const contract = new Contract(openApiDocument(app));
  const pool = new Pool({ connectionString: database, max: 2, options: serverSettings });
  return {
    url,
    databaseUrl: database,
    contract,
    mailbox,
    api: new Api(url, contract),
    database: pool,
    close: async () => {
      await pool.end();
      await app.close();
      await mailbox.close();
    },
  };
}
