import { ConsoleLogger, LogLevel } from '@nestjs/common';
import type { Config } from './config';

/** What Nest says of its own start; of use only when it fails. */
const startContexts = [
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
];

/** One line per event, in UTC; in production each line is a JSON object. */
export class Log extends ConsoleLogger {
  constructor({ environment, logLevel }: Config) {
    const levels: LogLevel[] = ['fatal', 'error', 'warn', 'log', 'debug'];
    const least = logLevel === 'info' ? 'log' : logLevel;
    super({
      json: environment === 'production',
      colors: Boolean(process.stdout.isTTY),
      logLevels: least === 'silent' ? [] : levels.slice(0, levels.indexOf(least) + 1),
    });
  }

  override log(message: unknown, ...more: unknown[]): void {
    const context = more.at(-1);
    if (typeof context === 'string' && startContexts.includes(context)) super.debug(message, ...more);
    else super.log(message, ...more);
  }

  protected override getTimestamp(): string {
    return new Date().toISOString();
  }
}
