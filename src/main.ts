import { Logger } from '@nestjs/common';
import { Config, ConfigError, loadConfig } from './core/config';
import { Log } from './core/log';
import { isWorker, onPrimaryMessage, tellPrimary } from './core/worker-messages';
import { Primary } from './primary';
import { prepareDatabase } from './schema/prepare-database';
import type { Server } from './server';

const logger = new Logger('Cairn');

/** SIGHUP has another meaning for a primary process. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function main(): Promise<void> {
  // A terminal and systemd also send signals to workers, which stop when the primary process tells them to.
  if (isWorker) for (const signal of signals) process.on(signal, () => undefined);
  const config = loadConfig();
  Logger.overrideLogger(new Log(config)); // for messages before the application is created
  if (!isWorker) for (const warning of config.warnings) logger.warn(warning);
  const ready = await prepareDatabase(config);
  process.on('uncaughtException', (error) => {
    logger.fatal(error);
    process.exit(1);
  });
  if (ready.webConcurrency > 1 && !isWorker) return new Primary(ready).run();
  const server = await createServer(ready);
  await (isWorker ? runAsWorker(server) : runAlone(server));
}

/** Loads the application, without which a primary process needs a third less memory. */
function createServer(config: Config): Promise<Server> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require('./server') as typeof import('./server')).Server.create(config);
}

async function runAlone(server: Server): Promise<void> {
  for (const signal of signals) {
    process.on(signal, () => {
      if (server.isStopping) {
        logger.warn(`Ended by a second signal, ${signal}`);
        process.exit(1);
      }
      void server.stop(signal);
    });
  }
  logger.log(`Cairn is running. Documentation: ${await server.listen()}/docs`);
}

async function runAsWorker(server: Server): Promise<void> {
  onPrimaryMessage((message) => {
    if (message.type === 'stop') void server.stop(message.reason, message.isReplaced);
  });
  await tellPrimary({ type: 'listening', url: await server.listen() });
}

main().catch(async (error: unknown) => {
  const reason = error instanceof ConfigError ? error.message : startError(error);
  if (isWorker) await tellPrimary({ type: 'failed', reason });
  else process.stderr.write(`${reason}\n`);
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
