import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as appModule from '../../src/app';
import type * as configModule from '../../src/core/config';
import type * as poolModule from '../../src/database/connection-pool';
import type * as databaseModule from '../../src/database/database';
import type * as settingsModule from '../../src/database/role-settings';

/*
 * Cairn with only its statements: no transaction, no `enter`, and, as a superuser, no policies. The compiled code, like
 * the application that it is compared with.
 */
const dist = createRequire(join(__dirname, '../../dist/app.js'));
const { createApp } = dist('./app') as typeof appModule;
const { loadConfig } = dist('./core/config') as typeof configModule;
const { resultsOf } = dist('./database/connection-pool') as typeof poolModule;
const { Database } = dist('./database/database') as typeof databaseModule;
const { startupOptions } = dist('./database/role-settings') as typeof settingsModule;

/** Replaces the method that sends a transaction by one that sends only the statements. */
function removeIsolation(database: databaseModule.Database): void {
  const internals = database as unknown as {
    pool: poolModule.ConnectionPool;
    send: (
      access: string,
      enter: unknown,
      statements: databaseModule.Statements,
    ) => Promise<Record<string, unknown[]>>;
  };
  internals.send = async (_access, _enter, statements) => {
    const sent = Object.values(statements).filter((statement) => statement !== undefined);
    const results = resultsOf(await internals.pool.sendOnce(sent));
    let next = 0;
    return Object.fromEntries(
      Object.entries(statements).map(([name, statement]) => [name, statement ? results[next++]!.rows : []]),
    );
  };
}

async function main(): Promise<void> {
  process.env.PGOPTIONS = startupOptions; // the settings of Cairn's login role
  const config = loadConfig();
  const app = await createApp(config);
  removeIsolation(app.get(Database));
  await app.listen(config.port, config.host);
}

void main();
