import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';

/** The folder that holds package.json: `src` and `dist` both lie right under it. */
export const projectFolder = resolve(__dirname, '../..');

/** Development's own state: the embedded PostgreSQL and a generated secret. Not under version control. */
export const dataFolder = join(projectFolder, '.data');

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const environments = ['development', 'test', 'production'] as const;

/** What one hash costs. */
export interface Argon2Cost {
  /** KiB. */
  memoryCost: number;
  /** Passes over the memory. */
  timeCost: number;
  parallelism: number;
}

/** So many in so many seconds; undefined: as many as you like. */
export type RateLimit = { quota: number; window: number } | undefined;

export interface RateLimits {
  /** Requests of one user. */
  user: RateLimit;
  /** Passwords that come from one address. */
  passwordAddress: RateLimit;
  /** Wrong passwords for one account. */
  passwordAccount: RateLimit;
  /** Mails that one address asks for. */
  mailAddress: RateLimit;
  /** Mails to one mailbox. */
  mailAccount: RateLimit;
  /** Seconds: the waits of an account grow up to this. */
  longestWait: number;
}

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
  /** Signs tokens. */
  readonly jwtSecret: string;
  /** Further keys whose tokens are accepted: the next one, and the last one. */
  readonly jwtAcceptedSecrets: readonly string[];
  readonly accessTokenMinutes: number;
  /** Days after which a session ends that is not refreshed. */
  readonly refreshTokenDays: number;
  /** Days after which a session ends, however often it is refreshed. */
  readonly sessionDays: number;
  readonly argon2: Argon2Cost;
  /** Absent in development: mails are files. */
  readonly smtpUrl?: string;
  readonly mailFrom: string;
  /** Of the application whose pages take the tokens of mails; absent: mails name the API's own calls. */
  readonly appUrl?: string;
  readonly requireEmailVerification: boolean;
  /** Days that tasks lie in the trash. */
  readonly trashDays: number;
  /** Days after which the account of a deactivated user is removed. */
  readonly deactivatedUserDays: number;
  /** Absent where limits are off. */
  readonly rateLimits?: RateLimits;
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
    jwtAcceptedSecrets: read.secrets('JWT_ACCEPTED_SECRET_KEYS'),
    accessTokenMinutes: read.integer('ACCESS_TOKEN_EXPIRE_MINUTES', 1, 15, 15),
    refreshTokenDays: read.integer('REFRESH_TOKEN_EXPIRE_DAYS', 1, 90, 7),
    sessionDays: read.integer('SESSION_EXPIRE_DAYS', 1, 365, 30),
    argon2: read.argon2(),
    smtpUrl: read.url(
      'SMTP_URL',
      ['smtp:', 'smtps:'],
      'smtp://user:password@host:port or smtps://user:password@host:port',
    ),
    mailFrom: read.text('MAIL_FROM', 'Cairn <cairn@localhost>'),
    appUrl: read.url('APP_URL', ['http:', 'https:'], 'https://app.example.com'),
    requireEmailVerification: read.boolean('REQUIRE_EMAIL_VERIFICATION', false),
    trashDays: read.integer('TRASH_DAYS', 1, 3650, 7),
    deactivatedUserDays: read.integer('DEACTIVATED_USER_DAYS', 1, 3650, 30),
    rateLimits: read.rateLimits(),
    corsOrigins: read.list(
      'CORS_ORIGINS',
      isOrigin,
      'comma-separated origins such as https://app.example.com, or *',
    ),
    trustProxy: read.list(
      'TRUST_PROXY',
      isAddressBlock,
      'comma-separated IP addresses or CIDR blocks such as 10.0.0.0/8',
    ),
    host: read.text('HOST', '127.0.0.1'),
    port: read.integer('PORT', 0, 65_535, 3000),
    logLevel: read.oneOf('LOG_LEVEL', logLevels, 'info'),
  };
  if (production && config.requireEmailVerification && !config.smtpUrl) {
    read.flaw(
      'SMTP_URL',
      'no value',
      'the URL of an SMTP server, because REQUIRE_EMAIL_VERIFICATION is on',
      undefined,
    );
  }
  if (read.flaws.length) {
    throw new ConfigError(
      [
        'Cairn cannot start: the configuration is invalid.',
        ...read.flaws,
        'See .env.example for all variables.',
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

  list(name: string, isItem: (item: string) => boolean, wanted: string, isSecret = false): string[] {
    const items = (this.value(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean);
    const wrong = items.filter((item) => !isItem(item));
    const got = isSecret ? 'a shorter key' : JSON.stringify(wrong.join(','));
    return wrong.length ? this.flaw(name, got, wanted, []) : items;
  }

  databaseUrl(name: string, required: boolean): string | undefined {
    const value = this.value(name);
    const wanted = 'postgres://user:password@host:port/database';
    if (value === undefined) {
      return required
        ? this.flaw(
            name,
            'no value',
            `${wanted} (the embedded PostgreSQL is not available in production)`,
            value,
          )
        : value;
    }
    // People bring URLs of SQLAlchemy, which name a driver: postgresql+psycopg2://
    const url = value.replace(/^postgres(ql)?(\+\w+)?:\/\//, 'postgresql://');
    if (url.startsWith('postgresql://') && URL.canParse(url) && new URL(url).pathname.length > 1) return url;
    return this.flaw(name, 'another value (not shown because it may contain a password)', wanted, undefined);
  }

  secret(name: string, required: boolean): string {
    const value = this.value(name);
    const wanted = 'at least 32 random characters, for example from `openssl rand -base64 48`';
    if (value === undefined) return required ? this.flaw(name, 'no value', wanted, '') : developmentSecret();
    if (value.length >= 32) return value;
    return this.flaw(name, `${value.length} characters`, wanted, '');
  }

  secrets(name: string): string[] {
    return this.list(
      name,
      (item) => item.length >= 32,
      'comma-separated keys of at least 32 characters each',
      true,
    );
  }

  /** The floor is OWASP's: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html */
  argon2(): Argon2Cost {
    const cost = {
      memoryCost: this.integer('ARGON2_MEMORY_COST', 19_456, 2_097_152, 19_456),
      timeCost: this.integer('ARGON2_TIME_COST', 1, 20, 2),
      parallelism: this.integer('ARGON2_PARALLELISM', 1, 16, 1),
    };
    if (cost.timeCost >= 2 || cost.memoryCost >= 47_104) return cost;
    return this.flaw('ARGON2_TIME_COST', '1', 'at least 2, or an ARGON2_MEMORY_COST of at least 47104', cost);
  }

  url(name: string, protocols: string[], wanted: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || (URL.canParse(value) && protocols.includes(new URL(value).protocol)))
      return value;
    return this.flaw(name, 'another value (not shown because it may contain a password)', wanted, undefined);
  }

  rateLimits(): RateLimits | undefined {
    const isOn = this.boolean('RATE_LIMITS', true);
    const limits = {
      user: this.rateLimit('RATE_LIMIT_USER', '3000/60'),
      passwordAddress: this.rateLimit('RATE_LIMIT_PASSWORD_ADDRESS', '100/900'),
      passwordAccount: this.rateLimit('RATE_LIMIT_PASSWORD_ACCOUNT', '5/3600'),
      mailAddress: this.rateLimit('RATE_LIMIT_MAIL_ADDRESS', '50/3600'),
      mailAccount: this.rateLimit('RATE_LIMIT_MAIL_ACCOUNT', '5/3600'),
      longestWait: this.integer('RATE_LIMIT_LONGEST_WAIT', 1, 3600, 300),
    };
    return isOn ? limits : undefined;
  }

  private rateLimit(name: string, fallback: string): RateLimit {
    const value = this.text(name, fallback);
    if (value === 'off') return undefined;
    const [, quota, window] = /^([1-9]\d{0,8})\/([1-9]\d{0,5})$/.exec(value) ?? [];
    if (quota !== undefined) return { quota: Number(quota), window: Number(window) };
    return this.flaw(
      name,
      JSON.stringify(value),
      'a number of requests and a number of seconds such as 100/900, or off',
      undefined,
    );
  }

  private value(name: string): string | undefined {
    const value = this.environment[name]?.trim();
    return value === '' ? undefined : value;
  }

  flaw<T>(name: string, got: string, wanted: string, fallback: T): T {
    this.flaws.push(`${name}: expected ${wanted}, got ${got}`);
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
