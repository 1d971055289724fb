import type { LoggerService } from '@nestjs/common';
import { Logger as Pino, LoggerOptions, pino, stdTimeFunctions } from 'pino';
import type { Config } from './config';
import { logFields } from './request-context';

/** Contexts of Nest's start-up messages. They are logged at level debug, since they only help if the start fails. */
const startupContexts = [
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
];

/** Fields that are never logged, in an object that is logged and in objects within it. */
const secretFields = [
  ...['authorization', 'cookie', '["set-cookie"]', 'password', 'current_password', 'new_password'],
  ...['password_hash', 'token', 'token_hash', 'access_token', 'refresh_token', 'secret', 'connectionString'],
];
const secretPaths = secretFields.flatMap((field) => {
  const path = field.startsWith('[') ? field : `.${field}`;
  return [field, `*${path}`, `*.*${path}`];
});

/** Secrets within texts, such as messages of other libraries: tokens, and the passwords of URLs. */
const secretTexts =
  /\bcairn_[\w-]{20,}|\beyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=:\/\/[^\s:/@"]{0,100}:)[^\s@"]+(?=@)/g;

/** Characters that could change the output of a terminal. JSON escapes only those below U+0020. */
const controlCharacters = /[\p{Cc}\u2028\u2029]/gu;

/** Characters of a message or a stack trace. */
const maxLength = 4000;

/** Data of a log entry. `msg` is its text. */
export type LogFields = Record<string, unknown>;

/**
 * Writes one line per entry to standard output: in production JSON, otherwise text. Entries that belong to a request
 * contain its id, and those of several processes the id of the process. Everything except the requests themselves is
 * logged with Nest's `Logger`, which uses this class.
 */
export class Log implements LoggerService {
  private readonly pino: Pino;
  /** Without redaction, which takes 20 times as long as writing the line. */
  private readonly requests: Pino;

  constructor(
    { environment, logLevel, webConcurrency }: Pick<Config, 'environment' | 'logLevel' | 'webConcurrency'>,
    output = standardOutput,
  ) {
    const options: LoggerOptions = {
      level: logLevel,
      base: webConcurrency > 1 ? { pid: process.pid } : null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    };
    const write = (line: string) => output.write(environment === 'production' ? line : toText(line));
    this.pino = pino(
      { ...options, redact: { paths: secretPaths, censor: '***' } },
      { write: (line) => write(hideSecrets(line)) },
    );
    this.requests = pino(options, { write });
  }

  /** Logs a request. The fields must not contain secrets or control characters. */
  request(isSlow: boolean, fields: LogFields): void {
    if (isSlow) this.requests.warn(fields);
    else this.requests.info(fields);
  }

  log(message: unknown, ...more: unknown[]): void {
    const isStartup = startupContexts.includes(String(more.at(-1)));
    this.write(isStartup ? 'debug' : 'info', message, more);
  }

  debug(message: unknown, ...more: unknown[]): void {
    this.write('debug', message, more);
  }

  warn(message: unknown, ...more: unknown[]): void {
    this.write('warn', message, more);
  }

  error(message: unknown, ...more: unknown[]): void {
    this.write('error', message, more);
  }

  fatal(message: unknown, ...more: unknown[]): void {
    this.write('fatal', message, more);
  }

  /** @param more as Nest passes it: a stack trace if there is one, then the context */
  private write(
    level: 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    more: unknown[],
  ): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const context = more.at(-1);
    const [stack] = more.length > 1 ? more : [undefined];
    this.pino[level]({
      context,
      ...logFields(),
      ...fieldsOf(message),
      ...(stack ? { stack: clip(stack) } : {}),
    });
  }
}

function fieldsOf(message: unknown): LogFields {
  if (message instanceof Error) return { msg: clip(message), stack: clip(message.stack) };
  return typeof message === 'object' && message !== null ? (message as LogFields) : { msg: clip(message) };
}

function clip(text: unknown): string {
  const complete = String(text);
  return complete.length > maxLength ? `${complete.slice(0, maxLength)}…` : complete;
}

function hideSecrets(line: string): string {
  return `${line.replace(secretTexts, '***').trimEnd().replace(controlCharacters, escape)}\n`;
}

function escape(char: string): string {
  return { '\n': '\\n', '\r': '\\r' }[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A JSON line as text: `2026-12-31T12:00:00.000Z INFO [Request] GET /health 200 duration_ms=1`. */
function toText(line: string): string {
  const { time, level, context, msg, stack, ...fields } = JSON.parse(line) as LogFields & { stack?: string };
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const text = `${String(time)} ${String(level).toUpperCase()} [${String(context)}] ${String(msg)}${pairs.join('')}`;
  const escaped = text.replace(controlCharacters, escape);
  const trace = stack === undefined ? '' : `${stack.replace(/[^\x20-\x7e\n]/g, '?')}\n`;
  return `${escaped}\n${trace}`;
}

/** Standard output. Writes all lines of one turn of the event loop together. */
class StandardOutput {
  private lines = '';

  constructor() {
    process.on('exit', () => this.flush());
    // Logging must not end the process when the program that reads the log has ended.
    process.stdout.on('error', () => undefined);
  }

  write(line: string): void {
    if (this.lines === '') setImmediate(() => this.flush());
    this.lines += line;
  }

  private flush(): void {
    if (this.lines !== '') process.stdout.write(this.lines);
    this.lines = '';
  }
}

const standardOutput: { write(line: string): void } = new StandardOutput();
