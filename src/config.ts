import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';

/** The folder that holds package.json: `src` and `dist` both lie right under it. */
export const projectFolder = resolve(__dirname, '..');

/** Development's own state: the embedded PostgreSQL and a generated secret. Not under version control. */
export const dataFolder = join(projectFolder, '.data');

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const environments = ['development', 'test', 'production'] as const;

/** What the environment says, read and checked once at start. Injected wherever a setting is needed. */
export class Config {
  readonly environment: (typeof environments)[number];
  /** Absent in development: the embedded PostgreSQL is used. */
  readonly databaseUrl?: string;
  /** The schema's owner, for migrations; by default the same as `databaseUrl`. */
  readonly migrationDatabaseUrl?: string;
  readonly databasePoolSize: number;
  /** Seconds a request may wait for a connection. */
  readonly databasePoolTimeout: number;
  /** Seconds after which a connection is replaced. */
  readonly databasePoolRecycle: number;
  readonly sqlEcho: boolean;
  readonly jwtSecret: string;
  readonly accessTokenMinutes: number;
  readonly refreshTokenDays: number;
  /** Origins that browsers may call from; empty: none but the API's own. */
  readonly corsOrigins: readonly string[];
  /** CIDR blocks of the proxies whose X-Forwarded-For is believed; empty: none. */
  readonly trustProxy: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly logLevel: (typeof logLevels)[number];
}

/** Says, in one message, everything that is wrong with the environment. */
export class ConfigError extends Error {}

/**
 * Reads the configuration from `environment`, or from the process's own environment and the file `.env`
 * (where both name a variable, the environment counts).
 * @throws ConfigError naming each variable that is missing or wrong, what it got and what it wants.
 */
export function loadConfig(environment?: NodeJS.ProcessEnv): Config {
  if (!environment) {
    const file = join(projectFolder, '.env');
    if (existsSync(file)) process.loadEnvFile(file);
    environment = process.env;
  }
  const read = new Reader(environment);
  const env = read.oneOf('NODE_ENV', environments, 'development');
  const production = env === 'production';
  const databaseUrl = read.databaseUrl('DATABASE_URL', production);
  const config: Config = {
    environment: env,
    databaseUrl,
    migrationDatabaseUrl: read.databaseUrl('MIGRATION_DATABASE_URL', false) ?? databaseUrl,
    databasePoolSize: read.integer('DATABASE_POOL_SIZE', 1, 1000, 10),
    databasePoolTimeout: read.integer('DATABASE_POOL_TIMEOUT', 1, 300, 30),
    databasePoolRecycle: read.integer('DATABASE_POOL_RECYCLE', 1, 86_400, 3600),
    sqlEcho: read.boolean('SQL_ECHO', false),
    jwtSecret: read.secret('JWT_SECRET_KEY', production),
    accessTokenMinutes: read.integer('ACCESS_TOKEN_EXPIRE_MINUTES', 1, 15, 15),
    refreshTokenDays: read.integer('REFRESH_TOKEN_EXPIRE_DAYS', 1, 90, 7),
    corsOrigins: read.list(
      'CORS_ORIGINS',
      isOrigin,
      'origins such as https://app.example.com, or *, separated by commas',
    ),
    trustProxy: read.list(
      'TRUST_PROXY',
      isAddressBlock,
      'addresses or CIDR blocks such as 10.0.0.0/8, separated by commas',
    ),
    host: read.text('HOST', '127.0.0.1'),
    port: read.integer('PORT', 0, 65_535, 3000),
    logLevel: read.oneOf('LOG_LEVEL', logLevels, 'info'),
  };
  if (read.flaws.length) {
    throw new ConfigError(
      [
        'Cairn cannot start: its configuration is wrong.',
        ...read.flaws,
        'See .env.example for every variable.',
      ].join('\n  '),
    );
  }
  return Object.freeze(Object.assign(new Config(), config));
}

/** Reads single variables and collects what is wrong with them. An empty value counts as absent. */
class Reader {
  readonly flaws: string[] = [];

  constructor(private readonly environment: NodeJS.ProcessEnv) {}

  text(name: string, fallback: string): string {
    return this.value(name) ?? fallback;
  }

  integer(name: string, min: number, max: number, fallback: number): number {
    const value = this.value(name);
    if (value === undefined) return fallback;
    if (/^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    return this.flaw(name, JSON.stringify(value), `an integer from ${min} to ${max}`, fallback);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.value(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (['true', '1', 'on', 'yes'].includes(value)) return true;
    if (['false', '0', 'off', 'no'].includes(value)) return false;
    return this.flaw(name, JSON.stringify(value), 'true or false', fallback);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.value(name);
    if (value === undefined) return fallback;
    const found = allowed.find((word) => word === value);
    return found ?? this.flaw(name, JSON.stringify(value), `one of ${allowed.join(', ')}`, fallback);
  }

  list(name: string, isItem: (item: string) => boolean, wanted: string): string[] {
    const items = (this.value(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean);
    const wrong = items.filter((item) => !isItem(item));
    return wrong.length ? this.flaw(name, JSON.stringify(wrong.join(',')), wanted, []) : items;
  }

  databaseUrl(name: string, required: boolean): string | undefined {
    const value = this.value(name);
    const wanted = 'postgres://user:password@host:port/database';
    if (value === undefined) {
      return required
        ? this.flaw(name, 'nothing', `${wanted} (in production there is no embedded PostgreSQL)`, value)
        : value;
    }
    // People bring URLs of SQLAlchemy, which name a driver: postgresql+psycopg2://
    const url = value.replace(/^postgres(ql)?(\+\w+)?:\/\//, 'postgresql://');
    if (url.startsWith('postgresql://') && URL.canParse(url) && new URL(url).pathname.length > 1) return url;
    return this.flaw(name, 'something else (not shown: it may hold a password)', wanted, undefined);
  }

  secret(name: string, required: boolean): string {
    const value = this.value(name);
    const wanted = 'at least 32 random characters, for example from `openssl rand -base64 48`';
    if (value === undefined) return required ? this.flaw(name, 'nothing', wanted, '') : developmentSecret();
    if (value.length >= 32) return value;
    return this.flaw(name, `${value.length} characters`, wanted, '');
  }

  private value(name: string): string | undefined {
    const value = this.environment[name]?.trim();
    return value === '' ? undefined : value;
  }

  private flaw<T>(name: string, got: string, wanted: string, fallback: T): T {
    this.flaws.push(`${name}: got ${got}, wants ${wanted}`);
    return fallback;
  }
}

/** A secret made once and kept, so that sessions outlive a restart in development. */
function developmentSecret(): string {
  const file = join(dataFolder, 'jwt-secret');
  mkdirSync(dataFolder, { recursive: true });
  if (!existsSync(file))
    writeFileSync(file, randomBytes(48).toString('base64url'), { mode: 0o600, flag: 'a' });
  return readFileSync(file, 'utf8').slice(0, 64);
}

function isOrigin(item: string): boolean {
  return item === '*' || (URL.canParse(item) && new URL(item).origin === item);
}

function isAddressBlock(item: string): boolean {
  const [address = '', prefix = '0', ...more] = item.split('/');
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address) as 0 | 4 | 6];
  return more.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest;
}
