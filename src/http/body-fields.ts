import { Transform } from 'class-transformer';
import { isEmail, maxEmailLength, normalizeEmail } from '../core/email';
import type { EnumValues } from '../core/enum-values';
import { isId, isVersion7 } from '../core/ids';
import { characterCount, hasAtMost, isStorableJson, isStorableText, isVisibleText } from '../core/text';
import { isTimezone } from '../core/time-zones';
import { parseTimestamp } from '../core/timestamps';
import { field, FieldOptions, rule, textRules } from './field';

/** Text without U+0000 and lone surrogates, trimmed unless it is `verbatim`. Lengths are in characters. */
export function TextField(
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
    ...textRules(max),
    ...(min && !verbatim
      ? [rule('blank', 'must contain at least one visible character', isVisibleText)]
      : []),
    rule('too_short', `must have at least ${min} characters`, (value) => characterCount(value) >= min),
    ...(pattern
      ? [rule('format', `must match ${pattern.source}`, (value) => pattern.test(String(value)))]
      : []),
  );
}

export function EmailField(options: FieldOptions) {
  return field(
    options,
    { type: String, format: 'idn-email', maxLength: maxEmailLength },
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? normalizeEmail(value) : value)),
    ...textRules(maxEmailLength),
    rule('format', 'must be an email address', isEmail),
  );
}

export const maxTimezoneLength = 64;

export function TimezoneField(options: FieldOptions) {
  return field(
    options,
    { type: String, maxLength: maxTimezoneLength },
    ...textRules(maxTimezoneLength),
    rule('unknown_timezone', 'must be UTC or an IANA time zone such as Europe/Berlin', isTimezone),
  );
}

export function IntegerField(options: FieldOptions & { min: number; max: number }) {
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

/** A number with at most two decimal places. */
export function DecimalField(options: FieldOptions & { min: number; max: number }) {
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

export function BooleanField(options: FieldOptions) {
  return field(
    options,
    { type: Boolean },
    rule('type', 'must be true or false', (value) => typeof value === 'boolean'),
  );
}

export function IdField(options: FieldOptions) {
  return field(options, { type: String, format: 'uuid' }, rule('invalid_id', 'must be a UUID', isId));
}

/** The id of a new row, which the client may choose. Version 7, so that ids are ordered by their creation. */
export class ChosenId {
  @field(
    {
      description:
        'Id that the client chooses for the new item: a UUID version 7. Without it, the server chooses one. 409 `id_taken` if you have an item with this id.',
      optional: true,
    },
    { type: String, format: 'uuid' },
    rule('invalid_id', 'must be a UUID version 7', isVersion7),
  )
  id?: string;
}

/**
 * An RFC 3339 timestamp with an offset, or a plain date.
 * @param options `inResponse`: the field occurs only in responses, always as a timestamp
 */
export function TimestampField(options: FieldOptions & { inResponse?: boolean }) {
  return field(
    options,
    options.inResponse
      ? { type: String, format: 'date-time' }
      : {
          anyOf: [
            { type: 'string', format: 'date-time' },
            { type: 'string', format: 'date' },
          ],
        },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? (parseTimestamp(value) ?? value) : value,
    ),
    rule(
      'invalid_date',
      timestampMessage,
      (value) => typeof value === 'string' && parseTimestamp(value) !== undefined,
    ),
  );
}

const timestampMessage =
  'must be a date (2026-12-31) or a timestamp with an offset (2026-12-31T17:00:00Z) in the years 1900 to 9999';

/** The smallest and the largest of the numbers, for clients without enums of numbers. */
export function boundsOf(numbers: readonly number[]) {
  return { minimum: Math.min(...numbers), maximum: Math.max(...numbers) };
}

/** One of the allowed values, or a synonym of one. */
export function EnumField(options: FieldOptions & { values: EnumValues<string | number> }) {
  const { values } = options;
  return field(
    options,
    typeof values.values[0] === 'number'
      ? { type: 'integer', enum: [...values.values], ...boundsOf(values.values as number[]) }
      : { type: String, enum: options.nullable ? [...values.values, null] : [...values.values] },
    Transform(({ value }) => values.parse(value)),
    rule('not_allowed', `must be one of ${values.values.join(', ')}`, (value) => values.includes(value)),
  );
}

/** One or more of the allowed values, as a JSON array. */
export function EnumSetField(options: FieldOptions & { values: readonly string[] }) {
  const { values } = options;
  const isSet = (value: unknown) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= values.length &&
    new Set(value).size === value.length &&
    value.every((item) => values.includes(item as string));
  return field(
    options,
    {
      type: 'array',
      items: { type: 'string', enum: [...values] },
      minItems: 1,
      maxItems: values.length,
      uniqueItems: true,
    },
    rule('not_allowed', `must be an array of distinct values: ${values.join(', ')}`, isSet),
  );
}

/** Strings as a JSON array, trimmed. Duplicates are dropped, ignoring case. If `nullable`, null means an empty array. */
export function TextSetField(options: FieldOptions & { max: number; maxItems: number }) {
  const { max, maxItems, nullable } = options;
  return field(
    options,
    { type: 'array', items: { type: 'string', minLength: 1, maxLength: max }, maxItems },
    Transform(({ value }: { value: unknown }) =>
      Array.isArray(value) ? withoutDuplicates(value) : value === null && nullable ? [] : value,
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
        (value as unknown[]).every(
          (item) => hasAtMost(max, item) && isStorableText(item) && isVisibleText(item),
        ),
    ),
  );
}

function withoutDuplicates(items: unknown[]): unknown[] {
  const keys = new Set<unknown>();
  return items
    .map((item) => (typeof item === 'string' ? item.trim() : item))
    .filter((item) => {
      const key = typeof item === 'string' ? item.toLowerCase() : item;
      const isNew = !keys.has(key);
      keys.add(key);
      return isNew;
    });
}

/** An array of JSON objects. Their members are validated separately. */
export function ObjectListField(options: FieldOptions & { min: number; max: number; items: object }) {
  const { min, max, items } = options;
  const isObject = (item: unknown) => typeof item === 'object' && item !== null && !Array.isArray(item);
  return field(
    options,
    { type: 'array', items, minItems: min, maxItems: max },
    rule('type', 'must be an array of JSON objects', Array.isArray),
    rule('out_of_range', `must have ${min} to ${max} items`, (value) => {
      const { length } = value as unknown[];
      return length >= min && length <= max;
    }),
    rule('type', 'must be an array of JSON objects', (value) => (value as unknown[]).every(isObject)),
  );
}

/** Any JSON object without U+0000 and lone surrogates. */
export function JsonField(options: FieldOptions) {
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
