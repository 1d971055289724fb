import {
  Config,
  ConfigError,
  loadBackupConfig,
  loadConfig,
  loadMigrationConfig,
  programConnection,
} from './config';

const secret = 'x'.repeat(32);
const otherSecret = 'y'.repeat(40);
const databaseUrl = 'postgresql://cairn:hunter2@localhost:5432/cairn';
const production = { NODE_ENV: 'production', DATABASE_URL: databaseUrl, JWT_SECRET_KEY: secret };

const load = (environment: NodeJS.ProcessEnv = {}) => loadConfig({ JWT_SECRET_KEY: secret, ...environment });

/** The errors in the message of `loadConfig`: one line for each variable. */
function configErrors(environment: NodeJS.ProcessEnv): string[] {
  let lines: string[] = [];
  try {
    loadConfig({ JWT_SECRET_KEY: secret, ...environment });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    lines = (error as ConfigError).message.split('\n  ');
    expect(lines.shift()).toBe('Cairn cannot start: the configuration is invalid.');
    expect(lines.pop()).toBe('See .env.example for all variables.');
  }
  return lines;
}

describe('loadConfig', () => {
  it('has a default for every variable except the secret', () => {
    expect(load()).toEqual(
      Object.assign(new Config(), {
        environment: 'development',
        databaseUrl: undefined,
        migrationDatabaseUrl: undefined,
        databasePoolSize: 10,
        databasePoolTimeout: 30,
        databasePoolRecycle: 3600,
        userQueueSize: 100,
        quotas: {
          tasks: 100_000,
          tasks_of_goal: 10_000,
          subtasks: 10_000,
          dependencies_of_task: 100,
          task_dependencies: 100_000,
          goals: 10_000,
          goal_depth: 20,
          tags: 2000,
          time_entries: 100_000,
          personal_tokens: 100,
          idempotency_keys: 10_000,
          idempotency_bytes: 50_000_000,
          imported_changes: 1_000_000,
        },
        sqlEcho: false,
        jwtSecret: secret,
        jwtAcceptedSecrets: [],
        accessTokenMinutes: 15,
        refreshTokenDays: 7,
        sessionDays: 30,
        argon2: { memoryCost: 19_456, timeCost: 2, parallelism: 1 },
        smtpUrl: undefined,
        mailFrom: 'Cairn <cairn@localhost>',
        appUrl: undefined,
        requireEmailVerification: false,
        trashDays: 7,
        deactivatedUserDays: 30,
        deletedUserDays: 30,
        rateLimits: {
          user: { quota: 3000, window: 60 },
          passwordAddress: { quota: 100, window: 900 },
          passwordAccount: { quota: 5, window: 3600 },
          mailAddress: { quota: 50, window: 3600 },
          mailAccount: { quota: 5, window: 3600 },
          longestWait: 300,
        },
        corsOrigins: [],
        trustProxy: [],
        host: '127.0.0.1',
        importMaxBytes: 268_435_456,
        port: 3000,
        webConcurrency: 1,
        logLevel: 'info',
        shutdownDelay: 0,
        slowRequestMs: 1000,
        slowStatementMs: 500,
        metricsPort: undefined,
        metricsHost: '127.0.0.1',
        otlpEndpoint: undefined,
        warnings: [],
      }),
    );
  });

  it('returns a frozen object', () => {
    expect(Object.isFrozen(load())).toBe(true);
  });

  it('treats empty and blank values as absent, and trims the others', () => {
    expect(
      load({ PORT: '', HOST: '  ', DATABASE_URL: '\t', CORS_ORIGINS: ' , ', TRASH_DAYS: ' 9 ' }),
    ).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      databaseUrl: undefined,
      corsOrigins: [],
      trashDays: 9,
    });
  });

  it('reads only the given environment', () => {
    const replaced = jest.replaceProperty(process, 'env', { TRASH_DAYS: '99' });
    expect(load().trashDays).toBe(7);
    replaced.restore();
  });

  it.each([
    ['true', true],
    ['1', true],
    ['on', true],
    ['YES', true],
    ['false', false],
    ['0', false],
    ['Off', false],
    ['no', false],
  ])('reads %s as the boolean %s', (value, expected) => {
    expect(load({ SQL_ECHO: value }).sqlEcho).toBe(expected);
  });

  it.each([
    ['postgres://u:p@h:5432/d', 'postgresql://u:p@h:5432/d'],
    ['postgresql://u:p@h/d?sslmode=require', 'postgresql://u:p@h/d?sslmode=require'],
    ['postgresql+asyncpg://u:p@h/d', 'postgresql://u:p@h/d'],
    ['postgres+psycopg2://u:p@h/d', 'postgresql://u:p@h/d'],
  ])('reads the database URL %s', (value, expected) => {
    expect(load({ DATABASE_URL: value })).toMatchObject({
      databaseUrl: expected,
      migrationDatabaseUrl: expected,
    });
  });

  it('accepts another database URL for migrations', () => {
    const migrationUrl = 'postgresql://owner:p@h/d';
    expect(load({ DATABASE_URL: databaseUrl, MIGRATION_DATABASE_URL: migrationUrl })).toMatchObject({
      databaseUrl,
      migrationDatabaseUrl: migrationUrl,
    });
  });

  it('reads lists', () => {
    const config = load({
      JWT_ACCEPTED_SECRET_KEYS: `${secret}, ${otherSecret},`,
      CORS_ORIGINS: 'https://app.example.com, http://localhost:5173,*',
      TRUST_PROXY: '10.0.0.0/8,192.0.2.1,2001:db8::/32,::1/128',
    });
    expect(config.jwtAcceptedSecrets).toEqual([secret, otherSecret]);
    expect(config.corsOrigins).toEqual(['https://app.example.com', 'http://localhost:5173', '*']);
    expect(config.trustProxy).toEqual(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '::1/128']);
  });

  it('reads rate limits, each of which can be off', () => {
    expect(load({ RATE_LIMIT_USER: 'off', RATE_LIMIT_MAIL_ACCOUNT: '1/999999' }).rateLimits).toMatchObject({
      user: undefined,
      mailAccount: { quota: 1, window: 999_999 },
      passwordAccount: { quota: 5, window: 3600 },
    });
  });

  it('turns all rate limits off', () => {
    expect(load({ RATE_LIMITS: 'off' }).rateLimits).toBeUndefined();
  });

  it.each([
    [
      { ARGON2_MEMORY_COST: '47104', ARGON2_TIME_COST: '1' },
      { memoryCost: 47_104, timeCost: 1, parallelism: 1 },
    ],
    [
      { ARGON2_TIME_COST: '3', ARGON2_PARALLELISM: '4' },
      { memoryCost: 19_456, timeCost: 3, parallelism: 4 },
    ],
  ])('accepts the hashing cost %j', (environment, expected) => {
    expect(load(environment).argon2).toEqual(expected);
  });
});

describe('invalid values', () => {
  it.each<[string, number, number]>([
    ['DATABASE_POOL_SIZE', 1, 1000],
    ['DATABASE_POOL_TIMEOUT', 1, 300],
    ['DATABASE_POOL_RECYCLE', 1, 86_400],
    ['USER_QUEUE_SIZE', 1, 10_000],
    ['ACCESS_TOKEN_EXPIRE_MINUTES', 1, 15],
    ['REFRESH_TOKEN_EXPIRE_DAYS', 1, 90],
    ['SESSION_EXPIRE_DAYS', 1, 365],
    ['ARGON2_MEMORY_COST', 19_456, 2_097_152],
    ['ARGON2_TIME_COST', 1, 20],
    ['ARGON2_PARALLELISM', 1, 16],
    ['TRASH_DAYS', 1, 3650],
    ['DEACTIVATED_USER_DAYS', 1, 3650],
    ['DELETED_USER_DAYS', 0, 3650],
    ['RATE_LIMIT_LONGEST_WAIT', 1, 3600],
    ['PORT', 0, 65_535],
  ])('of %s is everything but an integer from %d to %d', (name, min, max) => {
    const wrong = [
      min - 1,
      max + 1,
      `${min}.5`,
      '1e3',
      '0x10',
      '+5',
      '1_000',
      'ten',
      'NaN',
      '９',
      '9'.repeat(30),
    ];
    for (const value of wrong.map(String)) {
      expect(configErrors({ [name]: value })).toEqual([
        `${name}: expected an integer from ${min} to ${max}, got ${JSON.stringify(value)}`,
      ]);
    }
    const enoughMemory = { ARGON2_MEMORY_COST: '47104' }; // for an ARGON2_TIME_COST of 1
    for (const value of [min, max]) {
      expect(configErrors({ ...enoughMemory, [name]: String(value) })).toEqual([]);
    }
  });

  it.each(['SQL_ECHO', 'REQUIRE_EMAIL_VERIFICATION', 'RATE_LIMITS'])('%s is not a boolean', (name) => {
    for (const value of ['maybe', '2', 'tru', 'null', 'true false']) {
      expect(configErrors({ [name]: value })).toEqual([
        `${name}: expected true or false, got ${JSON.stringify(value)}`,
      ]);
    }
  });

  it.each([
    ['NODE_ENV', 'development, test, production', ['prod', 'Production', 'constructor']],
    ['LOG_LEVEL', 'debug, info, warn, error, silent', ['loud', 'INFO', 'info,warn']],
  ])('%s is not one of %s', (name, allowed, values) => {
    for (const value of values) {
      expect(configErrors({ [name]: value })).toEqual([
        `${name}: expected one of ${allowed}, got "${value}"`,
      ]);
    }
  });

  it.each([
    'RATE_LIMIT_USER',
    'RATE_LIMIT_PASSWORD_ADDRESS',
    'RATE_LIMIT_PASSWORD_ACCOUNT',
    'RATE_LIMIT_MAIL_ADDRESS',
    'RATE_LIMIT_MAIL_ACCOUNT',
  ])('%s is not requests/seconds', (name) => {
    for (const value of [
      '100',
      '0/60',
      '100/0',
      '-1/60',
      '100/60/60',
      '1.5/60',
      '100 / 60',
      'OFF',
      '5/1000000',
    ]) {
      expect(configErrors({ [name]: value })).toEqual([
        `${name}: expected a number of requests and a number of seconds such as 100/900, or off, got ${JSON.stringify(value)}`,
      ]);
    }
  });

  it('a rate limit is checked even if all rate limits are off', () => {
    expect(configErrors({ RATE_LIMITS: 'off', RATE_LIMIT_USER: 'none' })).toHaveLength(1);
  });

  it.each([
    ['https://app.example.com/'],
    ['https://app.example.com/path'],
    ['https://APP.example.com'],
    ['https://app.example.com:443'],
    ['https://user@app.example.com'],
    ['app.example.com'],
    ['null'],
    ['file:///etc/passwd'],
    ['**'],
  ])('CORS_ORIGINS: %s is not an origin', (value) => {
    expect(configErrors({ CORS_ORIGINS: `https://ok.example, ${value}` })).toEqual([
      `CORS_ORIGINS: expected comma-separated origins such as https://app.example.com, or *, got "${value}"`,
    ]);
  });

  it.each([
    ['10.0.0.0/33'],
    ['10.0.0.0/-1'],
    ['10.0.0.0/'],
    ['10.0.0.0/8/8'],
    ['10.0.0.0/255.0.0.0'],
    ['10.0.0/8'],
    ['10.0.0.256'],
    ['2001:db8::/129'],
    ['true'],
    ['*'],
    ['loopback'],
    ['/8'],
  ])('TRUST_PROXY: %s is not an address block', (value) => {
    expect(configErrors({ TRUST_PROXY: `10.0.0.0/8, ${value}` })).toEqual([
      `TRUST_PROXY: expected comma-separated IP addresses or CIDR blocks such as 10.0.0.0/8, got "${value}"`,
    ]);
  });

  it('only the invalid items of a list are reported', () => {
    expect(configErrors({ TRUST_PROXY: 'a,::1,b' })[0]).toMatch(/, got "a,b"$/);
  });

  it('ARGON2_TIME_COST is below the minimum for the memory', () => {
    const expected = [
      'ARGON2_TIME_COST: expected at least 2, or an ARGON2_MEMORY_COST of at least 47104, got 1',
    ];
    expect(configErrors({ ARGON2_TIME_COST: '1' })).toEqual(expected);
    expect(configErrors({ ARGON2_TIME_COST: '1', ARGON2_MEMORY_COST: '47103' })).toEqual(expected);
  });
});

describe('invalid values that may contain a secret', () => {
  it.each([
    ['DATABASE_URL', 'mysql://cairn:hunter2@localhost/cairn', 'postgres://user:password@host:port/database'],
    ['DATABASE_URL', 'postgres://cairn:hunter2@localhost', 'postgres://user:password@host:port/database'],
    ['DATABASE_URL', 'postgres://cairn:hunter2@localhost/', 'postgres://user:password@host:port/database'],
    [
      'DATABASE_URL',
      'postgres://cairn:hunter2@local host/cairn',
      'postgres://user:password@host:port/database',
    ],
    ['DATABASE_URL', 'host=localhost password=hunter2', 'postgres://user:password@host:port/database'],
    ['MIGRATION_DATABASE_URL', 'hunter2', 'postgres://user:password@host:port/database'],
    [
      'SMTP_URL',
      'http://cairn:hunter2@localhost',
      'smtp://user:password@host:port or smtps://user:password@host:port',
    ],
    ['SMTP_URL', 'hunter2', 'smtp://user:password@host:port or smtps://user:password@host:port'],
    ['APP_URL', 'javascript:hunter2', 'https://app.example.com'],
    ['APP_URL', 'hunter2.example.com', 'https://app.example.com'],
  ])('%s is not shown', (name, value, wanted) => {
    expect(configErrors({ [name]: value })).toEqual([
      `${name}: expected ${wanted}, got another value (not shown because it may contain a password)`,
    ]);
  });

  it('JWT_SECRET_KEY: only its length is shown', () => {
    expect(configErrors({ JWT_SECRET_KEY: 'k'.repeat(31) })).toEqual([
      'JWT_SECRET_KEY: expected at least 32 random characters, for example from `openssl rand -base64 48`, got 31 characters',
    ]);
  });

  it('JWT_ACCEPTED_SECRET_KEYS is not shown', () => {
    expect(configErrors({ JWT_ACCEPTED_SECRET_KEYS: `${secret},hunter2` })).toEqual([
      'JWT_ACCEPTED_SECRET_KEYS: expected comma-separated keys of at least 32 characters each, got a shorter key',
    ]);
  });
});

describe('in production', () => {
  it('only the database and the secret are required', () => {
    expect(loadConfig(production)).toMatchObject({
      environment: 'production',
      databaseUrl,
      jwtSecret: secret,
    });
  });

  it.each([
    [
      'DATABASE_URL',
      'DATABASE_URL: expected postgres://user:password@host:port/database (the embedded PostgreSQL is not available in production), got no value',
    ],
    [
      'JWT_SECRET_KEY',
      'JWT_SECRET_KEY: expected at least 32 random characters, for example from `openssl rand -base64 48`, got no value',
    ],
  ])('%s is required', (name, expected) => {
    expect(configErrors({ ...production, [name]: undefined })).toEqual([expected]);
  });

  it('the verification of email addresses requires a mail server', () => {
    const verifying = { ...production, REQUIRE_EMAIL_VERIFICATION: 'true' };
    expect(configErrors(verifying)).toEqual([
      'SMTP_URL: expected the URL of an SMTP server, because REQUIRE_EMAIL_VERIFICATION is on, got no value',
    ]);
    expect(configErrors({ ...verifying, SMTP_URL: 'smtps://mail.example.com' })).toEqual([]);
    expect(configErrors({ ...verifying, NODE_ENV: 'development' })).toEqual([]);
  });
});

describe('a URL of a database, but not the required one', () => {
  it.each(['MIGRATION_DATABASE_URL', 'BACKUP_DATABASE_URL'])('%s is refused for the application', (name) => {
    expect(configErrors({ [name]: databaseUrl })).toEqual([
      `DATABASE_URL: expected a URL, because ${name} is set, got no value`,
    ]);
  });

  it('BACKUP_DATABASE_URL is refused for migrations', () => {
    expect(() => loadMigrationConfig({ BACKUP_DATABASE_URL: databaseUrl })).toThrow(
      'MIGRATION_DATABASE_URL: expected a URL, because BACKUP_DATABASE_URL is set, got no value',
    );
  });

  it.each(['DATABASE_URL', 'MIGRATION_DATABASE_URL'])('%s is refused for backups', (name) => {
    expect(() => loadBackupConfig({ [name]: databaseUrl })).toThrow(
      `BACKUP_DATABASE_URL: expected a URL, because ${name} is set, got no value`,
    );
  });
});

describe('loadBackupConfig', () => {
  const variable = 'BACKUP_DATABASE_URL';

  it.each([
    [{}, { environment: 'development', url: undefined, variable, warnings: [] }],
    [
      {
        NODE_ENV: 'production',
        BACKUP_DATABASE_URL: 'postgres://cairn_backup:p@h/d',
        DATABASE_URL: 'not read',
      },
      { environment: 'production', url: 'postgresql://cairn_backup:p@h/d', variable, warnings: [] },
    ],
  ])('of %j reads nothing else', (environment, expected) => {
    expect(loadBackupConfig(environment)).toEqual(expected);
  });

  it('requires the URL in production', () => {
    expect(() => loadBackupConfig({ NODE_ENV: 'production', DATABASE_URL: databaseUrl })).toThrow(
      /BACKUP_DATABASE_URL: expected .+, got no value/,
    );
  });
});

describe('programConnection', () => {
  it.each([
    ['postgresql://cairn_backup:p%40ss@h:5433/d', 'postgresql://cairn_backup@h:5433/d', 'p@ss'],
    ['postgresql://u:p@h/d?sslmode=no-verify&uselibpqcompat=true', 'postgresql://u@h/d?sslmode=require', 'p'],
    ['postgresql://u@h/d?sslmode=verify-full', 'postgresql://u@h/d?sslmode=verify-full', undefined],
  ])('of %s has the password in the environment only', (url, expected, password) => {
    const connection = programConnection(url);
    expect(connection.url).toBe(expected);
    expect(connection.environment.PGPASSWORD).toBe(password);
    expect(connection.environment).toHaveProperty('PATH');
  });
});

describe('settings of earlier systems', () => {
  const earlier = {
    API_HOST: '0.0.0.0',
    API_PORT: '8000',
    DATABASE_ECHO: 'true',
    DATABASE_MAX_OVERFLOW: '20',
    DEBUG: 'true',
    JWT_ALGORITHM: 'RS256',
    ALGORITHM: 'HS256',
    SECRET_KEY: 'hunter2',
    BACKEND_CORS_ORIGINS: '["http://localhost"]',
  };
  const warnings = [
    'API_HOST has no effect. Use HOST.',
    'API_PORT has no effect. Use PORT.',
    'DATABASE_ECHO has no effect. Use SQL_ECHO.',
    'DATABASE_MAX_OVERFLOW has no effect. Use DATABASE_POOL_SIZE: it is the maximum number of connections.',
    'DEBUG has no effect. Use LOG_LEVEL=debug.',
    'JWT_ALGORITHM has no effect. Tokens are always signed with HS256.',
    'ALGORITHM has no effect. Tokens are always signed with HS256.',
    'SECRET_KEY has no effect. Use JWT_SECRET_KEY.',
    'BACKEND_CORS_ORIGINS has no effect. Use CORS_ORIGINS.',
  ];

  it('change nothing, and each has one warning that says what to use', () => {
    expect(load(earlier)).toEqual({ ...load(), warnings });
    expect(loadMigrationConfig(earlier)).toEqual({ ...loadMigrationConfig({}), warnings });
  });

  it('are named beside the errors that they may have caused', () => {
    expect(configErrors({ ...production, JWT_SECRET_KEY: '', SECRET_KEY: secret })).toEqual([
      expect.stringMatching(/^JWT_SECRET_KEY: expected .+, got no value$/),
      'SECRET_KEY has no effect. Use JWT_SECRET_KEY.',
    ]);
  });

  it('without a value have no warning', () => {
    expect(load({ API_PORT: '', DEBUG: ' ' }).warnings).toEqual([]);
  });

  it('that Cairn reads have none', () => {
    const shared = { DATABASE_POOL_SIZE: '5', ACCESS_TOKEN_EXPIRE_MINUTES: '15', CORS_ORIGINS: '*' };
    expect(load(shared).warnings).toEqual([]);
  });
});

describe('loadMigrationConfig', () => {
  it.each([
    [{}, { environment: 'development', url: undefined, variable: 'DATABASE_URL' }],
    [
      { DATABASE_URL: databaseUrl, JWT_SECRET_KEY: 'short', PORT: 'none' },
      { environment: 'development', url: databaseUrl, variable: 'DATABASE_URL' },
    ],
    [
      { NODE_ENV: 'production', MIGRATION_DATABASE_URL: 'postgres://owner:p@h/d', DATABASE_URL: 'not read' },
      { environment: 'production', url: 'postgresql://owner:p@h/d', variable: 'MIGRATION_DATABASE_URL' },
    ],
  ])('of %j reads nothing else', (environment, expected) => {
    expect(loadMigrationConfig(environment)).toEqual({ ...expected, warnings: [] });
  });

  it.each([
    [{ NODE_ENV: 'production' }, /DATABASE_URL: expected .+ not available in production\), got no value/],
    [{ MIGRATION_DATABASE_URL: 'hunter2' }, /MIGRATION_DATABASE_URL: expected .+, got another value/],
    [{ NODE_ENV: 'prod' }, /NODE_ENV: expected one of/],
  ])('of %j is refused', (environment, message) => {
    expect(() => loadMigrationConfig(environment)).toThrow(message);
  });
});
