import { createApp } from './app';
import { ConfigError, loadConfig } from './core/config';
import { prepareDatabase } from './schema/prepare-database';

/** Milliseconds within which running requests must finish after a signal. */
const shutdownTimeout = 10_000;

async function main(): Promise<void> {
  const config = await prepareDatabase(loadConfig());
  const app = await createApp(config);
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      setTimeout(() => process.exit(1), shutdownTimeout).unref();
      void app.close().then(() => process.exit(0));
    });
  }
  await app.listen(config.port, config.host);
  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  process.stdout.write(`\nCairn is running. Documentation: ${url}/docs\n\n`);
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
