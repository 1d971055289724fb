import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptions } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsDefined, ValidateBy, ValidateIf } from 'class-validator';
import type { SortKey } from '../database/keyset';
import { readMoment } from '../core/timestamps';
import { Words } from '../core/enum-values';

/**
 * One decorator per kind of field. Each says three things at once, so that they cannot disagree: how the value is read
 * (class-transformer), what is refused (class-validator), and what the OpenAPI document says of it.
 */
interface FieldOptions {
  description: string;
  example?: unknown;
  default?: unknown;
  /** May be left out. */
  optional?: boolean;
  /** May be null. */
  nullable?: boolean;
}

const none = 'none';

/** The names of a view's fields, in their order. */
export function viewColumns(view: new () => object): string[] {
  const names = Reflect.getMetadata('swagger/apiModelPropertiesArray', view.prototype as object) as string[];
  return names.map((name) => name.slice(1));
}

/** Text without U+0000 and lone surrogates, trimmed unless it is `verbatim`. Lengths are in characters. */
export function Text(
  options: FieldOptions & {
    min?: number;
    max: number;
    verbatim?: boolean;
    pattern?: RegExp;
  },
) {
  const { min = 0, max, verbatim, pattern } = options;
  return field(
    options,
    { type: String, minLength: min || undefined, maxLength: max, pattern: pattern?.source },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && !verbatim ? value.trim() : value,
    ),
    ...textRules,
    ...(min && !verbatim ? [rule('blank', 'must contain at least one visible character', isVisible)] : []),
    rule('too_short', `must have at least ${min} characters`, (value) => characters(value) >= min),
    rule('too_long', `must have at most ${max} characters`, (value) => characters(value) <= max),
    ...(pattern
      ? [rule('format', `must match ${pattern.source}`, (value) => pattern.test(String(value)))]
      : []),
  );
}

export function Email(options: FieldOptions) {
  return field(
    options,
    { type: String, format: 'idn-email', maxLength: 254 },
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? readEmail(value) : value)),
    ...textRules,
    rule('too_long', 'must have at most 254 characters', (value) => characters(value) <= 254),
    rule('format', 'must be an email address', isEmail),
  );
}

/** One form for each address, whatever its case and its Unicode form. (Lower case may compose what upper case did not.) */
export function readEmail(written: string): string {
  return written.trim().normalize('NFKC').toLowerCase().normalize('NFKC');
}

function isEmail(value: unknown): boolean {
  const [local = '', domain = '', ...more] = String(value).split('@');
  const labels = domain.split('.');
  return (
    more.length === 0 &&
    /^[^\s<>",;\\\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]+$/u.test(local) &&
    labels.length > 1 &&
    labels.every(
      (label) => /^[\p{L}\p{N}\p{M}-]+$/u.test(label) && !label.startsWith('-') && !label.endsWith('-'),
    )
  );
}

export function Timezone(options: FieldOptions) {
  return field(
    options,
    { type: String, maxLength: 64 },
    ...textRules,
    rule('unknown_timezone', 'must be UTC or an IANA time zone such as Europe/Berlin', isTimezone),
  );
}

export function Integer(options: FieldOptions & { min: number; max: number }) {
  const { min, max } = options;
  return field(
    options,
    { type: 'integer', minimum: min, maximum: max },
    rule('type', 'must be an integer', Number.isSafeInteger),
    rule(
      'out_of_range',
      `must be from ${min} to ${max}`,
      (value) => Number(value) >= min && Number(value) <= max,
    ),
  );
}

/** A number with at most two digits after the point. */
export function Decimal(options: FieldOptions & { min: number; max: number }) {
  const { min, max } = options;
  return field(
    options,
    { type: Number, minimum: min, maximum: max },
    rule('type', 'must be a number', Number.isFinite),
    rule(
      'out_of_range',
      `must be from ${min} to ${max}`,
      (value) => Number(value) >= min && Number(value) <= max,
    ),
    rule(
      'too_precise',
      'must have at most 2 decimal places',
      (value) => Number(Number(value).toFixed(2)) === value,
    ),
  );
}

export function Flag(options: FieldOptions) {
  return field(
    options,
    { type: Boolean },
    rule('type', 'must be true or false', (value) => typeof value === 'boolean'),
  );
}

export function Id(options: FieldOptions) {
  return field(options, { type: String, format: 'uuid' }, rule('invalid_id', 'must be a UUID', isId));
}

/** RFC 3339 with an offset, or a plain date. */
export function Moment(options: FieldOptions & { answered?: boolean }) {
  return field(
    options,
    options.answered ? { type: String, format: 'date-time' } : { type: String },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? (readMoment(value) ?? value) : value,
    ),
    rule(
      'invalid_date',
      momentWanted,
      (value) => typeof value === 'string' && readMoment(value) !== undefined,
    ),
  );
}

const momentWanted =
  'must be a date (2026-12-31) or a timestamp with an offset (2026-12-31T17:00:00Z) in the years 1900 to 9999';

/** A word of a vocabulary, in any of its spellings. */
export function Word(options: FieldOptions & { of: Words<string | number> }) {
  const { of } = options;
  return field(
    options,
    typeof of.words[0] === 'number'
      ? {
          type: 'integer',
          minimum: Math.min(...(of.words as number[])),
          maximum: Math.max(...(of.words as number[])),
        }
      : { type: String, enum: options.nullable ? [...of.words, null] : [...of.words] },
    Transform(({ value }) => of.read(value)),
    rule('not_allowed', `must be one of ${of.words.join(', ')}`, (value) => of.has(value)),
  );
}

/** One or more words of a vocabulary, as a JSON array. */
export function WordSet(options: FieldOptions & { of: readonly string[] }) {
  const { of } = options;
  const isSet = (value: unknown) =>
    Array.isArray(value) &&
    value.length > 0 &&
    new Set(value).size === value.length &&
    value.every((word) => of.includes(word as string));
  return field(
    options,
    { type: 'array', items: { type: 'string', enum: [...of] }, minItems: 1, uniqueItems: true },
    rule('not_allowed', `must be an array of distinct values: ${of.join(', ')}`, isSet),
  );
}

/** Texts as a JSON array, trimmed; those that differ by case alone are one. Null stands for none. */
export function TextSet(options: FieldOptions & { max: number; maxItems: number }) {
  const { max, maxItems } = options;
  return field(
    options,
    { type: 'array', items: { type: 'string', minLength: 1, maxLength: max }, maxItems },
    Transform(({ value }: { value: unknown }) =>
      Array.isArray(value) ? withoutRepeats(value) : value === null ? [] : value,
    ),
    rule('type', 'must be an array of strings', (value) => Array.isArray(value)),
    rule(
      'too_many',
      `must have at most ${maxItems} items`,
      (value) => (value as unknown[]).length <= maxItems,
    ),
    rule(
      'invalid_text',
      `must contain only strings of 1 to ${max} characters, each with a visible character`,
      (value) =>
        (value as unknown[]).every((item) => isStorable(item) && isVisible(item) && characters(item) <= max),
    ),
  );
}

function withoutRepeats(items: unknown[]): unknown[] {
  const trimmed = items.map((item) => (typeof item === 'string' ? item.trim() : item));
  const keys = trimmed.map((item) => (typeof item === 'string' ? item.toLowerCase() : item));
  return trimmed.filter((_item, index) => keys.indexOf(keys[index]) === index);
}

/** JSON objects in an array; what is in them is read later. */
export function ObjectList(options: FieldOptions & { min: number; max: number; items: object }) {
  const { min, max, items } = options;
  const isObject = (item: unknown) => typeof item === 'object' && item !== null && !Array.isArray(item);
  return field(
    options,
    { type: 'array', items, minItems: min, maxItems: max },
    rule(
      'type',
      'must be an array of JSON objects',
      (value) => Array.isArray(value) && value.every(isObject),
    ),
    rule('out_of_range', `must have ${min} to ${max} items`, (value) => {
      const { length } = value as unknown[];
      return length >= min && length <= max;
    }),
  );
}

/** Any JSON object; its texts are without U+0000 and lone surrogates. */
export function JsonObject(options: FieldOptions) {
  return field(
    options,
    { type: 'object', additionalProperties: true },
    rule(
      'type',
      'must be a JSON object',
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    ),
    rule(
      'not_storable',
      'must not contain U+0000, lone surrogates, or numbers whose absolute value is above 2^53 - 1 or, unless 0, below 1e-15',
      isStorableJson,
    ),
    rule(
      'too_long',
      'must have at most 20000 characters as JSON',
      (value) => JSON.stringify(value).length <= 20_000,
    ),
  );
}

/** Query parameter: words of a vocabulary, separated by commas; `none` for rows without one, where `orNone` is set. */
export function WordList(options: { of: Words<string | number>; orNone?: boolean }) {
  const { of, orNone } = options;
  const allowed = [...of.words, ...(orNone ? [none] : [])].join(', ');
  const wanted = `must be 1 to 100 comma-separated values, each one of ${allowed}`;
  return parameter(
    {
      description: `Comma-separated values, each one of ${allowed}.${orNone ? ' Use `none` for items without a value.' : ''}`,
    },
    { type: String },
    splitInto((item) => (item === none ? null : of.read(item))),
    rule('not_allowed', wanted, (items) =>
      everyItem(items, (item) => (item === null ? orNone === true : of.has(item))),
    ),
  );
}

/** Query parameter: UUIDs separated by commas, or `none`. */
export function IdList(options: FieldOptions) {
  return parameter(
    options,
    { type: String },
    splitInto((item) => (item === none ? null : item)),
    rule('invalid_id', 'must be 1 to 100 comma-separated values, each a UUID or none', (items) =>
      everyItem(items, (item) => item === null || isId(item)),
    ),
  );
}

/** Query parameter: texts separated by commas, or `none`. */
export function TextList(options: FieldOptions & { max: number }) {
  const { max } = options;
  const isText = (item: unknown) =>
    item === null || (isStorable(item) && characters(item) > 0 && characters(item) <= max);
  return parameter(
    options,
    { type: String },
    splitInto((item) => (item === none ? null : item)),
    rule('invalid_text', `must be 1 to 100 comma-separated values of 1 to ${max} characters each`, (items) =>
      everyItem(items, isText),
    ),
  );
}

/** Query parameter: `true` or `false`. */
export function FlagParameter(options: FieldOptions) {
  return parameter(
    options,
    { type: Boolean },
    Transform(({ value }: { value: unknown }) =>
      value === 'true' ? true : value === 'false' ? false : value,
    ),
    rule('type', 'must be true or false', (value) => typeof value === 'boolean'),
  );
}

/** Query parameter: a text. */
export function TextParameter(options: FieldOptions & { max: number }) {
  const { max } = options;
  return parameter(
    options,
    { type: String, minLength: 1, maxLength: max },
    ...textRules,
    rule('too_short', 'must not be empty', (value) => value !== ''),
    rule('too_long', `must have at most ${max} characters`, (value) => characters(value) <= max),
  );
}

/** Query parameter: one of some words. */
export function WordParameter(options: FieldOptions & { of: string[] }) {
  const { of } = options;
  return parameter(
    options,
    { type: String, enum: of },
    rule('not_allowed', `must be ${of.join(' or ')}`, (value) => of.includes(String(value))),
  );
}

/** Query parameter: a moment, or a plain date, which begins at midnight in the user's time zone. */
export function MomentParameter(options: FieldOptions) {
  const description = `${options.description} A plain date means the start of that day in the user's time zone.`;
  return Moment({ ...options, description, optional: true });
}

/** Query parameter: a whole number. */
export function IntegerParameter(options: FieldOptions & { min: number; max: number }) {
  const { min, max } = options;
  return parameter(
    options,
    { type: 'integer', minimum: min, maximum: max },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value,
    ),
    rule(
      'out_of_range',
      `must be an integer from ${min} to ${max}`,
      (value) => typeof value === 'number' && value >= min && value <= max,
    ),
  );
}

/** Reads `due_date,-priority`. */
export function readSort(written: string): SortKey[] {
  return written
    .split(',')
    .map((item) => ({ column: item.replace(/^-/, ''), descending: item.startsWith('-') }));
}

/** Query parameter: column names separated by commas, each with `-` before it for the other direction. */
export function Sort(options: { by: readonly string[]; default: string }) {
  const isSort = (value: unknown) =>
    Array.isArray(value) &&
    value.length > 0 &&
    (value as SortKey[]).every(({ column }, index) => {
      const isFirst = (value as SortKey[]).findIndex((other) => other.column === column) === index;
      return options.by.includes(column) && isFirst;
    });
  return parameter(
    {
      description: `Comma-separated sort fields: ${options.by.join(', ')}. Prefix a field with \`-\` for descending order.`,
      default: options.default,
    },
    { type: String },
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? readSort(value) : value)),
    rule(
      'not_allowed',
      `must be comma-separated sort fields, each at most once and optionally prefixed with -: ${options.by.join(', ')}`,
      isSort,
    ),
  );
}

function field(
  options: FieldOptions,
  schema: ApiPropertyOptions,
  ...how: PropertyDecorator[]
): PropertyDecorator {
  const { description, example, optional = false, nullable = false } = options;
  const shown = {
    description,
    example,
    default: options.default,
    nullable: nullable || undefined,
    required: !optional,
  };
  return applyDecorators(
    ApiProperty({ ...schema, ...shown } as ApiPropertyOptions),
    optional ? ValidateIf((_object, value) => value !== undefined) : IsDefined({ message: 'is required' }),
    ...(nullable ? [ValidateIf((_object, value) => value !== null)] : []),
    ...how,
  );
}

/** Like a field, but always optional, and given at most once. */
function parameter(
  options: FieldOptions,
  schema: ApiPropertyOptions,
  ...how: PropertyDecorator[]
): PropertyDecorator {
  return field({ ...options, optional: true }, schema, ...how);
}

/** A rule runs only when those before it hold. Its message follows the field's name. */
function rule(code: string, message: string, holds: (value: unknown) => boolean): PropertyDecorator {
  return ValidateBy({ name: code, validator: { validate: holds, defaultMessage: () => message } });
}

const textRules = [
  rule('type', 'must be a string', (value) => typeof value === 'string'),
  rule('invalid_text', 'must not contain U+0000 or a lone surrogate', isStorable),
];

function splitInto(read: (item: string) => unknown): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? value.split(',').map((item) => read(item.trim())) : [value],
  );
}

function everyItem(items: unknown, holds: (item: unknown) => boolean): boolean {
  return Array.isArray(items) && items.length <= 100 && items.every(holds);
}

/** What PostgreSQL can store, and give back as it came. */
export function isStorable(value: unknown): boolean {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed();
}

/** Texts that PostgreSQL can store, and numbers that come back as they were: jsonb writes 1e308 with all its digits. */
function isStorableJson(value: unknown): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (typeof value === 'number')
    return value === 0 || (Math.abs(value) >= 1e-15 && Math.abs(value) <= Number.MAX_SAFE_INTEGER);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => isStorable(key) && isStorableJson(inner));
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value);
}

/** Not only white space, control and zero-width characters. */
export function isVisible(value: unknown): boolean {
  return /[^\s\p{Cc}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u.test(String(value));
}

function characters(value: unknown): number {
  return [...String(value)].length;
}

/** Names without an area are left out: PostgreSQL takes CET for an offset, without summer. */
function isTimezone(value: unknown): boolean {
  if (value !== 'UTC' && !/^[A-Za-z_]+\/[A-Za-z0-9_+/-]{1,60}$/.test(String(value))) return false;
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: String(value) }));
  } catch {
    return false;
  }
}
