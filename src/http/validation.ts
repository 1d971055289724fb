import { ArgumentMetadata, Type, ValidationError, ValidationPipe } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { FieldError, FieldErrorCode, invalid, Problem, unknownField } from '../core/problem';

/** Characters of a query whose conversion is remembered. */
const maxRememberedLength = 500;

/** Queries that are remembered for each DTO. */
const maxRemembered = 200;

rememberRules();

/**
 * For each object, class-validator searches the rules of all classes for those of the object's class. That was a tenth of
 * the memory that a request for a new task allocates. The result is always the same: the rules are declared at the start,
 * and there are no validation groups.
 */
function rememberRules(): void {
  const storage = getMetadataStorage();
  const findRules = storage.getTargetValidationMetadatas.bind(storage);
  const known = new Map<unknown, ReturnType<typeof findRules>>();
  storage.getTargetValidationMetadatas = (Dto, ...options) => {
    const rules = known.get(Dto) ?? findRules(Dto, ...options);
    known.set(Dto, rules);
    return rules;
  };
}

/**
 * Converts bodies and queries into their DTOs. Fields that the DTO does not declare are refused, not ignored. The result
 * for a query without a secret is remembered, because clients repeat the same few queries. It is frozen: several requests
 * share it.
 */
class DtoPipe extends ValidationPipe {
  private readonly queries = new Map<unknown, Map<string, object>>();

  override async transform(value: object, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type !== 'query') return super.transform(value, metadata);
    const text = JSON.stringify(value);
    const remembered = this.queries.get(metadata.metatype) ?? new Map<string, object>();
    const known = remembered.get(text);
    if (known) return known;
    const query = (await super.transform(value, metadata)) as object;
    if (text.length > maxRememberedLength || 'token' in query) return query;
    for (const part of Object.values(query)) Object.freeze(part);
    if (remembered.size >= maxRemembered) remembered.clear();
    this.queries.set(metadata.metatype, remembered.set(text, Object.freeze(query)));
    return query;
  }
}

export const validationPipe = new DtoPipe({
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
