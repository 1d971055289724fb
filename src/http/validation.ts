import { Type, ValidationError, ValidationPipe } from '@nestjs/common';
import { FieldError, FieldErrorCode, invalid, Problem, unknownField } from '../core/problem';

/** Converts bodies and queries into their DTOs. Fields that the DTO does not declare are refused, not ignored. */
export const validationPipe = new ValidationPipe({
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  stopAtFirstError: true,
  exceptionFactory: (errors) => invalid(errors.map(toFieldError)),
});

/**
 * Converts a part of a body into its DTO, as the pipe does with a whole body.
 * @param name of the part, for error messages
 * @throws Problem 422
 */
export async function validate<T extends object>(Dto: Type<T>, part: object, name: string): Promise<T> {
  try {
    return (await validationPipe.transform(part, { type: 'body', metatype: Dto })) as T;
  } catch (error) {
    if (!(error instanceof Problem) || !error.errors) throw error;
    const errors = error.errors as FieldError[];
    throw invalid(errors.map(({ field, ...rest }) => ({ ...rest, field: `${name}.${field}` })));
  }
}

function toFieldError({ property, constraints }: ValidationError): FieldError {
  const [code = 'invalid', message = 'is invalid'] = Object.entries(constraints ?? {})[0] ?? [];
  if (code === 'whitelistValidation') return unknownField(property);
  return { field: property, code: code === 'isDefined' ? 'required' : (code as FieldErrorCode), message };
}
