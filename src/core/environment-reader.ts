import { warningsOfReplacedSettings } from './replaced-settings';

/** Reads single environment variables and collects the errors in them. An empty value counts as absent. */
export class EnvironmentReader {
  readonly errors: string[] = [];

  readonly warnings: readonly string[];

  constructor(private readonly environment: NodeJS.ProcessEnv) {
    this.warnings = warningsOfReplacedSettings(environment);
  }

  text(name: string, fallback: string): string {
    return this.value(name) ?? fallback;
  }

  integer(name: string, min: number, max: number, fallback: number): number {
    const value = this.value(name);
    if (value === undefined) return fallback;
    if (/^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    return this.addError(name, JSON.stringify(value), `an integer from ${min} to ${max}`, fallback);
  }

  optionalInteger(name: string, min: number, max: number): number | undefined {
    return this.value(name) === undefined ? undefined : this.integer(name, min, max, min);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.value(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (['true', '1', 'on', 'yes'].includes(value)) return true;
    if (['false', '0', 'off', 'no'].includes(value)) return false;
    return this.addError(name, JSON.stringify(value), 'true or false', fallback);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.value(name);
    if (value === undefined) return fallback;
    const found = allowed.find((allowedValue) => allowedValue === value);
    return found ?? this.addError(name, JSON.stringify(value), `one of ${allowed.join(', ')}`, fallback);
  }

  list(name: string, isValid: (item: string) => boolean, expected: string): string[] {
    const items = this.items(name);
    const invalid = items.filter((item) => !isValid(item));
    return invalid.length ? this.addError(name, JSON.stringify(invalid.join(',')), expected, []) : items;
  }

  url(name: string, protocols: string[], expected: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || (URL.canParse(value) && protocols.includes(new URL(value).protocol)))
      return value;
    return this.addError(name, hiddenValue, expected, undefined);
  }

  databaseUrl(name: string, isRequired: boolean): string | undefined {
    const value = this.value(name);
    const expected = 'postgres://user:password@host:port/database';
    if (value === undefined) {
      if (!isRequired) return undefined;
      const reason = 'the embedded PostgreSQL is not available in production';
      return this.addError(name, 'no value', `${expected} (${reason})`, undefined);
    }
    // URLs of SQLAlchemy name a driver: postgresql+psycopg2://
    const url = value.replace(/^postgres(ql)?(\+\w+)?:\/\//, 'postgresql://');
    if (url.startsWith('postgresql://') && URL.canParse(url) && new URL(url).pathname.length > 1) return url;
    return this.addError(name, hiddenValue, expected, undefined);
  }

  /** @param createDefault called if the variable is absent; without it, the variable is required */
  secret(name: string, createDefault?: () => string): string {
    const value = this.value(name);
    const expected = 'at least 32 random characters, for example from `openssl rand -base64 48`';
    if (value === undefined) return createDefault?.() ?? this.addError(name, 'no value', expected, '');
    if (isLongEnough(value)) return value;
    return this.addError(name, `${value.length} characters`, expected, '');
  }

  secrets(name: string): string[] {
    const items = this.items(name);
    if (items.every(isLongEnough)) return items;
    return this.addError(name, 'a shorter key', 'comma-separated keys of at least 32 characters each', []);
  }

  /** A number of requests and a number of seconds, such as `100/900`. @returns undefined for `off` */
  rateLimit(name: string, fallback: string): { quota: number; window: number } | undefined {
    const value = this.text(name, fallback);
    if (value === 'off') return undefined;
    const [, quota, window] = /^([1-9]\d{0,8})\/([1-9]\d{0,5})$/.exec(value) ?? [];
    if (quota !== undefined) return { quota: Number(quota), window: Number(window) };
    return this.addError(
      name,
      JSON.stringify(value),
      'a number of requests and a number of seconds such as 100/900, or off',
      undefined,
    );
  }

  /** @returns the fallback, so that reading continues and all errors are found */
  addError<T>(name: string, actual: string, expected: string, fallback: T): T {
    this.errors.push(`${name}: expected ${expected}, got ${actual}`);
    return fallback;
  }

  private items(name: string): string[] {
    return (this.value(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean);
  }

  private value(name: string): string | undefined {
    const value = this.environment[name]?.trim();
    return value === '' ? undefined : value;
  }
}

const hiddenValue = 'another value (not shown because it may contain a password)';

function isLongEnough(secret: string): boolean {
  return secret.length >= 32;
}
