import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Pool } from 'pg';
import { createApp } from '../../src/app';
import { loadConfig } from '../../src/core/config';
import { startupOptions } from '../../src/database/role-settings';
import { openApiDocument } from '../../src/http/openapi';
import { ImportRunner } from '../../src/imports/import-runner';
import { Mailer } from '../../src/mail/mailer';
import { PurgeService } from '../../src/purge/purge.service';
import { Api } from './api';
import { Contract } from './contract';
import { Mailbox } from './mailbox';
import { asRole, onDatabase, template } from './server';

export const server = (): string => process.env.CAIRN_TEST_SERVER!;

/** A running application with its own database. */
export interface TestApp {
  url: string;
  /** The URL of the database for a superuser. */
  databaseUrl: string;
  /** Calls the API without a token. */
  api: Api;
  contract: Contract;
  /** The URL of every route of the server, such as /api/v1/tasks/:id. */
  routeUrls(): string[];
  /** The mail server that receives its mails. */
  mailbox: Mailbox;
  /** Connections to the database as a superuser. */
  database: Pool;
  /** Waits until no purge is running. */
  waitForPurge(): Promise<void>;
  /** Waits until no import is running. */
  waitForImports(): Promise<void>;
  close(): Promise<void>;
}

/** A thirtieth of the lowest cost that can be configured: tests create hundreds of users. */
const quickHashes = { memoryCost: 1024, timeCost: 2 };

/** Clones the migrated template. @returns the URL of the new database for a superuser */
export async function newDatabase(): Promise<string> {
  const name = `cairn_test_${randomBytes(6).toString('hex')}`;
  await onDatabase(server(), async (client) => {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER cairn_owner`);
    // PostgreSQL does not copy privileges on the database.
    await client.query(`REVOKE TEMPORARY, CREATE ON DATABASE ${name} FROM PUBLIC`);
  });
  return Object.assign(new URL(server()), { pathname: `/${name}` }).toString();
}

/**
 * Starts the application on a free port, as the login role, without rate limits. Pass the DATABASE_URL of a running one
 * to start another instance. Passwords are hashed at a low cost, unless a variable of the cost is passed.
 */
export async function startApp(environment: NodeJS.ProcessEnv = {}): Promise<TestApp> {
  const database = environment.DATABASE_URL ?? (await newDatabase());
  // The suite also passes through PgBouncer. Tests that name a database have a proxy of their own, or share an application.
  const pooler = environment.DATABASE_URL ? undefined : process.env.TEST_POOLER_PORT;
  const connectionUrl = pooler ? Object.assign(new URL(database), { port: pooler }).toString() : database;
  const mailbox = await Mailbox.open();
  const config = loadConfig({
    NODE_ENV: 'test',
    JWT_SECRET_KEY: 'a secret of the tests, long enough',
    LOG_LEVEL: 'error',
    RATE_LIMITS: 'off',
    DATABASE_POOL_TIMEOUT: '300', // longer than any queue of requests takes on a busy machine
    USER_QUEUE_SIZE: '1000',
    SLOW_STATEMENT_MS: '600000', // no user has slow transactions on a busy machine
    SMTP_URL: mailbox.url,
    ...environment,
    DATABASE_URL: asRole(connectionUrl, 'cairn_login'),
  });
  const hasCost = Object.keys(environment).some((name) => name.startsWith('ARGON2_'));
  if (!hasCost) Object.assign(config.argon2, quickHashes);
  const app: NestFastifyApplication = await createApp(config);
  await app.listen(0, '127.0.0.1');
  // Background work at startup would mix with the statements of a test.
  await Promise.all([app.get(Mailer).work, app.get(PurgeService).work, app.get(ImportRunner).work]);
  const url = await app.getUrl();
  const contract = new Contract(openApiDocument(app, { withMirrors: true }));
  const pool = new Pool({ connectionString: database, max: 2, options: startupOptions });
  return {
    url,
    databaseUrl: database,
    contract,
    routeUrls: () => urlsIn(app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false })),
    mailbox,
    api: new Api(url, contract),
    database: pool,
    waitForPurge: () => app.get(PurgeService).work,
    waitForImports: async () => app.get(ImportRunner).work,
    close: async () => {
      await pool.end();
      await app.close();
      await mailbox.close();
    },
  };
}

/** The URLs in the tree that Fastify prints: each line continues the URL of the line above it with less indentation. */
function urlsIn(tree: string): string[] {
  const found: string[] = [];
  const branch: string[] = [];
  for (const [, indentation, part] of tree.matchAll(/^((?:│ {3}| {4})*)[├└]── (\S+) \(/gm)) {
    const depth = indentation!.length / 4;
    branch[depth] = (depth > 0 ? branch[depth - 1]! : '') + part!;
    found.push(branch[depth]);
  }
  return found;
}
