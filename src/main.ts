import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from './app';
import { Config, ConfigError, loadConfig } from './core/config';
import { Log } from './core/log';
import { ShutdownState } from './core/shutdown-state';
import { prepareDatabase } from './schema/prepare-database';

/** Milliseconds within which running requests must finish: one may take 10 s to arrive, and a statement 8 s. */
const closeTimeout = 20_000;

const logger = new Logger('Cairn');

async function main(): Promise<void> {
  const config = loadConfig();
  Logger.overrideLogger(new Log(config)); // for messages before the application is created
  for (const warning of config.warnings) logger.warn(warning);
  const app = await createApp(await prepareDatabase(config));
  process.on('uncaughtException', (error) => {
    logger.fatal(error);
    process.exit(1);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void stop(app, config, signal));
  }
  await app.listen(config.port, config.host);
  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  logger.log(`Cairn is running. Documentation: ${url}/docs`);
}

/** Lets load balancers notice that the server stops, then closes the port and finishes requests and background jobs. */
async function stop(app: NestFastifyApplication, config: Config, signal: string): Promise<void> {
  const shutdown = app.get(ShutdownState);
  if (shutdown.isStopping) {
    logger.warn(`Ended by a second signal, ${signal}`);
    process.exit(1);
  }
  shutdown.isStopping = true;
  logger.log(`Stopping because of ${signal}`);
  await delay(1000 * config.shutdownDelay);
  setTimeout(() => {
    logger.error(`Requests or jobs have not finished within ${closeTimeout / 1000} seconds`);
    process.exit(1);
  }, closeTimeout).unref();
  await app.close();
  logger.log('Stopped');
  process.exit(0);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : startError(error)}\n`);
  process.exit(1);
});

function startError(error: unknown): string {
  const { code = '', port, message, stack } = error as Error & { code?: string; port?: number };
  if (code === 'EADDRINUSE')
    return `Cairn cannot start: port ${port} is already in use. Set PORT to another port.`;
  if (code === 'EACCES')
    return `Cairn cannot start: listening on this address is not permitted. Change HOST or PORT. (${message})`;
  if (['ENOTFOUND', 'EADDRNOTAVAIL', 'EAI_AGAIN'].includes(code)) {
    return `Cairn cannot start: this address is not available. Check HOST. (${message})`;
  }
  return `Cairn cannot start: ${stack ?? message}`;
}
