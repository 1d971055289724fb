import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptions } from '@nestjs/swagger';
import { IsDefined, ValidateBy, ValidateIf, ValidationArguments } from 'class-validator';
import type { FieldErrorCode } from '../core/problem';
import { hasAtMost, isStorableText } from '../core/text';

export interface FieldOptions {
  description: string;
  example?: unknown;
  default?: unknown;
  /** The field can be absent. */
  optional?: boolean;
  /** The field can be null. */
  nullable?: boolean;
}

/**
 * The base of the field decorators in body-fields.ts and query-params.ts. Each of them parses the
 * value (class-transformer), validates it (class-validator) and describes it in the OpenAPI document, so that the three
 * stay consistent.
 * @param decorators parse and validate the value, in this order
 */
export function field(
  options: FieldOptions,
  schema: ApiPropertyOptions,
  ...decorators: PropertyDecorator[]
): PropertyDecorator {
  const { description, example, optional = false, nullable = false } = options;
  const documented = {
    description,
    example,
    default: options.default,
    nullable: nullable || undefined,
    required: !optional,
  };
  return applyDecorators(
    ApiProperty({ ...schema, ...documented } as ApiPropertyOptions),
    optional ? ValidateIf((_object, value) => value !== undefined) : IsDefined({ message: 'is required' }),
    ...(nullable ? [ValidateIf((_object, value) => value !== null)] : []),
    ...decorators,
  );
}

/**
 * A validation rule. It runs only if the rules before it hold.
 * @param message follows the name of the field
 * @param isValid takes the value, and the object with all fields
 */
export function rule(
  code: FieldErrorCode,
  message: string,
  isValid: (value: unknown, fields: Record<string, unknown>) => boolean,
): PropertyDecorator {
  const validate = (value: unknown, args?: ValidationArguments) =>
    isValid(value, args?.object as Record<string, unknown>);
  return ValidateBy({ name: code, validator: { validate, defaultMessage: () => message } });
}

/**
 * The rules of every text: a string that PostgreSQL can store.
 * @param max the number of characters, which is checked before the text is read
 */
export function textRules(max: number): PropertyDecorator[] {
  return [
    rule('type', 'must be a string', (value) => typeof value === 'string'),
    rule('too_long', `must have at most ${max} characters`, (value) => hasAtMost(max, value)),
    rule('invalid_text', 'must not contain U+0000 or a lone surrogate', isStorableText),
  ];
}
