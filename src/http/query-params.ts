import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptions } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import type { EnumValues } from '../core/enum-values';
import { isId } from '../core/ids';
import { parseSort, SortKey } from '../core/page-request';
import { maxSearchTerms, parseSearch } from '../core/search';
import { hasAtMost, isStorableText } from '../core/text';
import { boundsOf, TimestampField } from './body-fields';
import { field, FieldOptions, rule, textRules } from './field';
import { fieldsOf } from './views';

/** The value for items without a value. */
const none = 'none';

/** The maximum number of values in a comma-separated parameter. */
const maxItems = 100;

/** Comma-separated values of an enum; with `orNone`, `none` for items without a value. */
export function EnumListParam(options: { values: EnumValues<string | number>; orNone?: boolean }) {
  const { values, orNone } = options;
  const allowed = [...values.values, ...(orNone ? [none] : [])].join(', ');
  const message = `must be 1 to ${maxItems} comma-separated values, each one of ${allowed}`;
  const noneHint = orNone ? ' Use `none` for items without a value.' : '';
  return parameter(
    { description: `One or several values, separated by commas: ${allowed}.${noneHint}` },
    listOf(
      typeof values.values[0] === 'number'
        ? { type: 'integer', enum: values.values, ...boundsOf(values.values as number[]) }
        : { type: 'string', enum: [...values.values, ...(orNone ? [none] : [])] },
    ),
    splitInto((item) => (item === none ? null : values.parse(item))),
    rule('not_allowed', message, (items) =>
      everyItem(items, (item) => (item === null ? orNone === true : values.includes(item))),
    ),
  );
}

/** Comma-separated UUIDs, or `none`. */
export function IdListParam(options: FieldOptions) {
  return parameter(
    options,
    listOf({
      anyOf: [
        { type: 'string', format: 'uuid' },
        { type: 'string', enum: [none] },
      ],
    }),
    splitInto((item) => (item === none ? null : item)),
    rule('invalid_id', `must be 1 to ${maxItems} comma-separated values, each a UUID or none`, (items) =>
      everyItem(items, (item) => item === null || isId(item)),
    ),
  );
}

/** Comma-separated texts, or `none`. */
export function TextListParam(options: FieldOptions & { max: number }) {
  const { max } = options;
  const isText = (item: unknown) =>
    item === null || (item !== '' && hasAtMost(max, item) && isStorableText(item));
  return parameter(
    options,
    listOf({ type: 'string', minLength: 1, maxLength: max }),
    splitInto((item) => (item === none ? null : item)),
    rule(
      'invalid_text',
      `must be 1 to ${maxItems} comma-separated values of 1 to ${max} characters each`,
      (items) => everyItem(items, isText),
    ),
  );
}

/** Comma-separated names of the fields of a response class. They are put into the order of the class. */
export function FieldsParam(View: abstract new () => object) {
  const fields = fieldsOf(View);
  const byPosition = (a: string, b: string) => fields.indexOf(a) - fields.indexOf(b);
  return parameter(
    {
      description:
        'Comma-separated names of the fields to return; by default all. The other fields are absent, even those that the ' +
        'schema requires. To use the entity tag of a resource in `If-Match`, include `version`.',
    },
    { ...listOf({ type: 'string', enum: fields }), maxItems: fields.length },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string'
        ? value
            .split(',', fields.length + 1)
            .map((name) => name.trim())
            .sort(byPosition)
        : [value],
    ),
    rule(
      'not_allowed',
      `must be comma-separated names of fields, each at most once: ${fields.join(', ')}`,
      (names) =>
        (names as string[]).every((name, index, all) => fields.includes(name) && name !== all[index - 1]),
    ),
  );
}

export function BooleanParam(options: FieldOptions) {
  return parameter(
    options,
    { type: Boolean },
    Transform(({ value }: { value: unknown }) =>
      value === 'true' ? true : value === 'false' ? false : value,
    ),
    rule('type', 'must be true or false', (value) => typeof value === 'boolean'),
  );
}

export function TextParam(options: FieldOptions & { max: number }) {
  const { max } = options;
  return parameter(
    options,
    { type: String, minLength: 1, maxLength: max },
    ...textRules(max),
    rule('too_short', 'must not be empty', (value) => value !== ''),
  );
}

/** Terms to search for: see `parseSearch`. */
export function SearchParam(options: FieldOptions & { max: number }) {
  const message = `must have at most ${maxSearchTerms} search terms`;
  return applyDecorators(
    TextParam(options),
    rule('too_many', message, (value) => parseSearch(String(value)).length <= maxSearchTerms),
  );
}

export function EnumParam(options: FieldOptions & { values: readonly string[] }) {
  const { values } = options;
  return parameter(
    options,
    { type: String, enum: [...values] },
    rule('not_allowed', `must be ${values.join(' or ')}`, (value) => values.includes(String(value))),
  );
}

/** A timestamp, or a plain date, which means the start of that day in the user's time zone. */
export function TimestampParam(options: FieldOptions) {
  const description = `${options.description} A plain date means the start of that day in the user's time zone.`;
  return TimestampField({ ...options, description, optional: true });
}

export function IntegerParam(options: FieldOptions & { min: number; max: number }) {
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

/** The sort field of lists that can be searched. Only items that match a search have a relevance. */
const relevance = 'relevance';

const relevanceDescription =
  ` With \`q\`, also \`${relevance}\`, the most relevant items first: those with all terms in the title as whole words, ` +
  'then as beginnings of words, then those with some terms in the title, then those with terms only in the description.';

/**
 * Comma-separated column names, each prefixed with `-` for descending order.
 * @param options.isSearchable also allows `relevance`, if there is a parameter `q`
 */
export function SortParam(options: { columns: readonly string[]; default: string; isSearchable?: true }) {
  const columns = options.isSearchable ? [...options.columns, relevance] : options.columns;
  const isValidSort = (value: unknown) =>
    Array.isArray(value) &&
    value.length > 0 &&
    (value as SortKey[]).every(({ column }, index) => {
      const isFirst = (value as SortKey[]).findIndex((other) => other.column === column) === index;
      return columns.includes(column) && isFirst;
    });
  return parameter(
    {
      description:
        `Comma-separated sort fields: ${options.columns.join(', ')}. Prefix a field with \`-\` for descending order.` +
        (options.isSearchable ? relevanceDescription : ''),
      default: options.default.split(','),
    },
    {
      ...listOf({ type: 'string', enum: columns.flatMap((column) => [column, `-${column}`]) }),
      maxItems: columns.length,
    },
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? parseSort(value) : value)),
    rule(
      'not_allowed',
      `must be comma-separated sort fields, each at most once and optionally prefixed with -: ${columns.join(', ')}`,
      isValidSort,
    ),
    rule(
      'not_allowed',
      `can contain ${relevance} only together with q`,
      (value, { q }) => q !== undefined || !(value as SortKey[]).some(({ column }) => column === relevance),
    ),
  );
}

/** Query parameters are always optional. */
function parameter(
  options: FieldOptions,
  schema: ApiPropertyOptions,
  ...decorators: PropertyDecorator[]
): PropertyDecorator {
  return field({ ...options, optional: true }, schema, ...decorators);
}

/** The schema of a comma-separated parameter. */
function listOf(items: object) {
  return { type: 'array', items, minItems: 1, maxItems } as const;
}

/** Splits a comma-separated parameter. A parameter that is given several times is an array, which fails validation. */
function splitInto(parseItem: (item: string) => unknown): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string'
      ? value.split(',', maxItems + 1).map((item) => parseItem(item.trim()))
      : [value],
  );
}

function everyItem(items: unknown, isValid: (item: unknown) => boolean): boolean {
  return Array.isArray(items) && items.length <= maxItems && items.every(isValid);
}
