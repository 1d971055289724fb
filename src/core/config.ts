import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { EnvironmentReader } from './environment-reader';
import { QuotaName, quotas } from './quotas';

/** The folder with package.json, which is the parent of both `src` and `dist`. */
export const projectFolder = resolve(__dirname, '../..');

/** Data of development and tests, not under version control: embedded PostgreSQL, generated secret, mails. */
export const dataFolder = join(projectFolder, '.data');

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const environments = ['development', 'test', 'production'] as const;

/** The cost of one password hash. */
interface Argon2Cost {
  /** KiB. */
  memoryCost: number;
  /** Passes over the memory. */
  timeCost: number;
  parallelism: number;
}

/** At most `quota` requests in `window` seconds; undefined for no limit. */
export type RateLimit = { quota: number; window: number } | undefined;

interface RateLimits {
  /** Requests of one user. */
  user: RateLimit;
  /** Password checks requested from one network address. */
  passwordAddress: RateLimit;
  /** Wrong passwords for one account. */
  passwordAccount: RateLimit;
  /** Mails requested from one network address. */
  mailAddress: RateLimit;
  /** Mails to one mailbox. */
  mailAccount: RateLimit;
  /** The maximum wait of one account in seconds. The wait doubles with each further attempt. */
  longestWait: number;
}

/** The validated configuration, read once at start. */
export class Config {
  readonly environment: (typeof environments)[number];
  /** Absent in development: the embedded PostgreSQL is used. */
  readonly databaseUrl?: string;
  /** Connects as the schema owner, for migrations; by default the same as `databaseUrl`. */
  readonly migrationDatabaseUrl?: string;
  readonly databasePoolSize: number;
  /** Seconds a request may wait for a connection. */
  readonly databasePoolTimeout: number;
  /** Seconds after which a connection is replaced. */
  readonly databasePoolRecycle: number;
  /** Maximum number of waiting requests of one user. */
  readonly userQueueSize: number;
  /** The largest amounts of data of one user. */
  readonly quotas: Readonly<Record<QuotaName, number>>;
  /** The size of the largest document that a user can import. */
  readonly importMaxBytes: number;
  readonly sqlEcho: boolean;
  /** The key that signs tokens. */
  readonly jwtSecret: string;
  /** Additional keys for verifying tokens, so that the signing key can be rotated. */
  readonly jwtAcceptedSecrets: readonly string[];
  readonly accessTokenMinutes: number;
  /** Days until a session expires unless it is refreshed. */
  readonly refreshTokenDays: number;
  /** Days until a session expires even if it is refreshed. */
  readonly sessionDays: number;
  readonly argon2: Argon2Cost;
  /** Absent in development: mails are written to files. */
  readonly smtpUrl?: string;
  readonly mailFrom: string;
  /** URL of a web application with pages for mailed tokens; if absent, mails name the API operation instead. */
  readonly appUrl?: string;
  readonly requireEmailVerification: boolean;
  /** Days after which tasks in the trash are deleted. */
  readonly trashDays: number;
  /** Days after which accounts that a superuser deactivated are deleted. */
  readonly deactivatedUserDays: number;
  /** Days for which closed accounts can be reopened. */
  readonly deletedUserDays: number;
  /** Absent if rate limits are off. */
  readonly rateLimits?: RateLimits;
  /** Allowed origins of cross-origin requests; by default none. */
  readonly corsOrigins: readonly string[];
  /** CIDR blocks of proxies that are trusted to set X-Forwarded-For; by default none. */
  readonly trustProxy: readonly string[];
  readonly host: string;
  readonly port: number;
  /** Processes that share the port. With one, there is no primary process. */
  readonly webConcurrency: number;
  /** Seconds between a signal to stop and the closing of the port. */
  readonly shutdownDelay: number;
  readonly logLevel: (typeof logLevels)[number];
  /** Absent: no metrics are served. 0: any free port. */
  readonly metricsPort?: number;
  readonly metricsHost: string;
  /** Absent: no traces. The OpenTelemetry SDK reads this and its other variables itself. */
  readonly otlpEndpoint?: string;
  /** Milliseconds from which a request is logged as slow. */
  readonly slowRequestMs: number;
  /** Milliseconds from which a statement is logged as slow. */
  readonly slowStatementMs: number;
  /** For the operator: settings that have no effect. */
  readonly warnings: readonly string[];
}

/** The variables with the URL of a database. */
export type UrlVariable = 'DATABASE_URL' | 'MIGRATION_DATABASE_URL' | 'BACKUP_DATABASE_URL';

/** The configuration of the commands for migrations and backups. */
export interface MigrationConfig {
  readonly environment: Config['environment'];
  /** Absent in development: the embedded PostgreSQL is used. */
  readonly url?: string;
  /** The variable that the URL comes from. */
  readonly variable: UrlVariable;
  /** For the operator: settings that have no effect. */
  readonly warnings: readonly string[];
}

/** An error that the operator can correct. Its message is shown without a stack trace. */
export class ConfigError extends Error {}

/**
 * Reads the configuration from `environment`; by default from the environment of the process and, for variables that are
 * not set there, from the file `.env`.
 * @throws ConfigError naming each missing or invalid variable with its expected and actual value
 */
export function loadConfig(environment = readEnvironment()): Config {
  const reader = new EnvironmentReader(environment);
  const nodeEnvironment = reader.oneOf('NODE_ENV', environments, 'development');
  const isProduction = nodeEnvironment === 'production';
  const databaseUrl = reader.databaseUrl('DATABASE_URL', isProduction);
  const migrationDatabaseUrl = reader.databaseUrl('MIGRATION_DATABASE_URL', false);
  if (!databaseUrl && !isProduction)
    refuseOtherUrl(reader, 'DATABASE_URL', ['MIGRATION_DATABASE_URL', 'BACKUP_DATABASE_URL']);
  const config: Config = {
    environment: nodeEnvironment,
    databaseUrl,
    migrationDatabaseUrl: migrationDatabaseUrl ?? databaseUrl,
    databasePoolSize: reader.integer('DATABASE_POOL_SIZE', 1, 1000, 10),
    databasePoolTimeout: reader.integer('DATABASE_POOL_TIMEOUT', 1, 300, 30),
    databasePoolRecycle: reader.integer('DATABASE_POOL_RECYCLE', 1, 86_400, 3600),
    userQueueSize: reader.integer('USER_QUEUE_SIZE', 1, 10_000, 100),
    quotas: readQuotas(reader),
    importMaxBytes: 1_048_576 * reader.integer('IMPORT_MAX_MB', 1, 10_000, 256),
    sqlEcho: reader.boolean('SQL_ECHO', false),
    jwtSecret: reader.secret('JWT_SECRET_KEY', isProduction ? undefined : developmentSecret),
    jwtAcceptedSecrets: reader.secrets('JWT_ACCEPTED_SECRET_KEYS'),
    accessTokenMinutes: reader.integer('ACCESS_TOKEN_EXPIRE_MINUTES', 1, 15, 15),
    refreshTokenDays: reader.integer('REFRESH_TOKEN_EXPIRE_DAYS', 1, 90, 7),
    sessionDays: reader.integer('SESSION_EXPIRE_DAYS', 1, 365, 30),
    argon2: readArgon2Cost(reader),
    smtpUrl: reader.url(
      'SMTP_URL',
      ['smtp:', 'smtps:'],
      'smtp://user:password@host:port or smtps://user:password@host:port',
    ),
    mailFrom: reader.text('MAIL_FROM', 'Cairn <cairn@localhost>'),
    appUrl: reader.url('APP_URL', ['http:', 'https:'], 'https://app.example.com'),
    requireEmailVerification: reader.boolean('REQUIRE_EMAIL_VERIFICATION', false),
    trashDays: reader.integer('TRASH_DAYS', 1, 3650, 7),
    deactivatedUserDays: reader.integer('DEACTIVATED_USER_DAYS', 1, 3650, 30),
    deletedUserDays: reader.integer('DELETED_USER_DAYS', 0, 3650, 30),
    rateLimits: readRateLimits(reader),
    corsOrigins: reader.list(
      'CORS_ORIGINS',
      isOrigin,
      'comma-separated origins such as https://app.example.com, or *',
    ),
    trustProxy: reader.list(
      'TRUST_PROXY',
      isAddressBlock,
      'comma-separated IP addresses or CIDR blocks such as 10.0.0.0/8',
    ),
    host: reader.text('HOST', '127.0.0.1'),
    port: reader.integer('PORT', 0, 65_535, 3000),
    webConcurrency: reader.integer('WEB_CONCURRENCY', 1, 64, 1),
    shutdownDelay: reader.integer('SHUTDOWN_DELAY', 0, 300, isProduction ? 5 : 0),
    logLevel: reader.oneOf('LOG_LEVEL', logLevels, 'info'),
    metricsPort: reader.optionalInteger('METRICS_PORT', 0, 65_535),
    metricsHost: reader.text('METRICS_HOST', '127.0.0.1'),
    otlpEndpoint: reader.url(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      ['http:', 'https:'],
      'the URL of an OTLP/HTTP receiver such as http://127.0.0.1:4318',
    ),
    slowRequestMs: reader.integer('SLOW_REQUEST_MS', 1, 600_000, 1000),
    slowStatementMs: reader.integer('SLOW_STATEMENT_MS', 1, 600_000, 500),
    warnings: reader.warnings,
  };
  if (isProduction && config.requireEmailVerification && !config.smtpUrl) {
    reader.addError(
      'SMTP_URL',
      'no value',
      'the URL of an SMTP server, because REQUIRE_EMAIL_VERIFICATION is on',
      undefined,
    );
  }
  refuseErrors(reader);
  return Object.freeze(Object.assign(new Config(), config));
}

/**
 * Reads only what the migration commands need, so that they require no other variable. Reads the same sources as
 * `loadConfig`.
 * @throws ConfigError naming the invalid variables; in production also if there is no URL
 */
export function loadMigrationConfig(environment = readEnvironment()): MigrationConfig {
  const reader = new EnvironmentReader(environment);
  const nodeEnvironment = reader.oneOf('NODE_ENV', environments, 'development');
  const migrationUrl = reader.databaseUrl('MIGRATION_DATABASE_URL', false);
  const isRequired = nodeEnvironment === 'production' && !migrationUrl && reader.errors.length === 0;
  const url = migrationUrl ?? reader.databaseUrl('DATABASE_URL', isRequired);
  if (!url && !isRequired) refuseOtherUrl(reader, 'MIGRATION_DATABASE_URL', ['BACKUP_DATABASE_URL']);
  refuseErrors(reader);
  return {
    environment: nodeEnvironment,
    url,
    variable: migrationUrl ? 'MIGRATION_DATABASE_URL' : 'DATABASE_URL',
    warnings: reader.warnings,
  };
}

/**
 * Reads only what the command `backup` needs.
 * @throws ConfigError naming the invalid variables; in production also if there is no URL
 */
export function loadBackupConfig(environment = readEnvironment()): MigrationConfig {
  const reader = new EnvironmentReader(environment);
  const nodeEnvironment = reader.oneOf('NODE_ENV', environments, 'development');
  const isProduction = nodeEnvironment === 'production';
  const url = reader.databaseUrl('BACKUP_DATABASE_URL', isProduction);
  if (!url && !isProduction)
    refuseOtherUrl(reader, 'BACKUP_DATABASE_URL', ['DATABASE_URL', 'MIGRATION_DATABASE_URL']);
  refuseErrors(reader);
  return { environment: nodeEnvironment, url, variable: 'BACKUP_DATABASE_URL', warnings: reader.warnings };
}

/** What a program of PostgreSQL needs to connect. Other users of the machine can see arguments, but not the environment. */
export interface ProgramConnection {
  /** The URL without the password, for the arguments. */
  url: string;
  /** The environment of this process with the password. */
  environment: NodeJS.ProcessEnv;
}

/** Replaces the parameters that only `pg` knows. */
export function programConnection(databaseUrl: string): ProgramConnection {
  const url = new URL(databaseUrl);
  const password = decodeURIComponent(url.password);
  url.password = '';
  url.searchParams.delete('uselibpqcompat');
  if (url.searchParams.get('sslmode') === 'no-verify') url.searchParams.set('sslmode', 'require');
  return {
    url: url.toString(),
    environment: { ...process.env, ...(password && { PGPASSWORD: password }) },
  };
}

/** Where a URL names a database, the embedded PostgreSQL is not what the operator means. */
function refuseOtherUrl(reader: EnvironmentReader, required: UrlVariable, others: UrlVariable[]): void {
  if (reader.errors.length > 0) return;
  const other = others.find((name) => reader.databaseUrl(name, false));
  if (other) reader.addError(required, 'no value', `a URL, because ${other} is set`, undefined);
}

/** The environment of the process and, for variables that are not set there, of the file `.env`. */
function readEnvironment(): NodeJS.ProcessEnv {
  const file = join(projectFolder, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
  return process.env;
}

function refuseErrors({ errors, warnings }: EnvironmentReader): void {
  if (errors.length === 0) return;
  throw new ConfigError(
    [
      'Cairn cannot start: the configuration is invalid.',
      ...errors,
      ...warnings,
      'See .env.example for all variables.',
    ].join('\n  '),
  );
}

/** The minimum is OWASP's: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html */
function readArgon2Cost(reader: EnvironmentReader): Argon2Cost {
  const cost = {
    memoryCost: reader.integer('ARGON2_MEMORY_COST', 19_456, 2_097_152, 19_456),
    timeCost: reader.integer('ARGON2_TIME_COST', 1, 20, 2),
    parallelism: reader.integer('ARGON2_PARALLELISM', 1, 16, 1),
  };
  if (cost.timeCost >= 2 || cost.memoryCost >= 47_104) return cost;
  return reader.addError(
    'ARGON2_TIME_COST',
    '1',
    'at least 2, or an ARGON2_MEMORY_COST of at least 47104',
    cost,
  );
}

function readRateLimits(reader: EnvironmentReader): RateLimits | undefined {
  const isOn = reader.boolean('RATE_LIMITS', true);
  const limits = {
    user: reader.rateLimit('RATE_LIMIT_USER', '3000/60'),
    passwordAddress: reader.rateLimit('RATE_LIMIT_PASSWORD_ADDRESS', '100/900'),
    passwordAccount: reader.rateLimit('RATE_LIMIT_PASSWORD_ACCOUNT', '5/3600'),
    mailAddress: reader.rateLimit('RATE_LIMIT_MAIL_ADDRESS', '50/3600'),
    mailAccount: reader.rateLimit('RATE_LIMIT_MAIL_ACCOUNT', '5/3600'),
    longestWait: reader.integer('RATE_LIMIT_LONGEST_WAIT', 1, 3600, 300),
  };
  return isOn ? limits : undefined;
}

function readQuotas(reader: EnvironmentReader): Record<QuotaName, number> {
  const values = Object.entries(quotas).map(
    ([name, { variable, fallback }]) => [name, reader.integer(variable, 1, 100_000_000, fallback)] as const,
  );
  return Object.fromEntries(values) as Record<QuotaName, number>;
}

/** A secret that is generated once and stored, so that sessions survive a restart in development. */
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
  const maxPrefix = { 0: -1, 4: 32, 6: 128 }[isIP(address) as 0 | 4 | 6];
  return more.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= maxPrefix;
}
