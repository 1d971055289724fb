import { ConsoleLogger, LogLevel } from '@nestjs/common';
import type { Config } from './config';

/** Contexts of Nest's start-up messages. They are logged at level debug, since they only help if the start fails. */
const startupContexts = [
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
    const lowestLevel = logLevel === 'info' ? 'log' : logLevel;
    super({
      json: environment === 'production',
      colors: Boolean(process.stdout.isTTY),
      logLevels: lowestLevel === 'silent' ? [] : levels.slice(0, levels.indexOf(lowestLevel) + 1),
    });
  }

  override log(message: unknown, ...more: unknown[]): void {
    const context = more.at(-1);
    if (typeof context === 'string' && startupContexts.includes(context)) super.debug(message, ...more);
    else super.log(message, ...more);
  }

  protected override getTimestamp(): string {
    return new Date().toISOString();
  }
}
