import {
  CanActivate,
  ExecutionContext,
  Injectable,
  Param,
  PipeTransform,
  Type,
  ValidationError,
  ValidationPipe,
} from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import { isId } from './fields';
import { isForbiddenKey } from './json-body';
import { FieldFlaw, invalid, Problem, unknownField } from '../core/problem';

/** Reads bodies and queries into their DTOs. What a DTO does not name is refused, not ignored. */
export const validationPipe = new ValidationPipe({
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  stopAtFirstError: true,
  exceptionFactory: (errors) => invalid(errors.map(asFlaw)),
});

/**
 * Reads a part of a body into its DTO, as the pipe reads a whole one.
 * @param place the name of the part
 * @throws Problem 422
 */
export async function validate<T extends object>(Dto: Type<T>, part: object, place: string): Promise<T> {
  try {
    return (await validationPipe.transform(part, { type: 'body', metatype: Dto })) as T;
  } catch (error) {
    if (!(error instanceof Problem) || !error.errors) throw error;
    throw invalid(error.errors.map((flaw) => ({ ...flaw, field: `${place}.${flaw.field}` })));
  }
}

function asFlaw({ property, constraints }: ValidationError): FieldFlaw {
  const [code = 'invalid', message = 'is invalid'] = Object.entries(constraints ?? {})[0] ?? [];
  if (code === 'whitelistValidation') return unknownField(property);
  return { field: property, code: code === 'isDefined' ? 'required' : code, message };
}

/** The part of the path that names a row. */
export function IdParam(name = 'id'): ParameterDecorator {
  return Param(name, new IdPipe(name));
}

class IdPipe implements PipeTransform<string, string> {
  constructor(private readonly name: string) {}

  /** @throws Problem 422 for what is no UUID */
  transform(value: string): string {
    if (!isId(value)) throw invalid([{ field: this.name, code: 'invalid_id', message: 'must be a UUID' }]);
    return value;
  }
}

/** A route that declares no query, or no body, gets none: nothing that a client sends is ignored. */
@Injectable()
export class DeclaredInputGuard implements CanActivate {
  private readonly declared = new WeakMap<object, { query: boolean; body: boolean }>();

  /** @throws Problem 422 naming what the route does not take */
  canActivate(context: ExecutionContext): boolean {
    const { query, body } = context.switchToHttp().getRequest<FastifyRequest>();
    const declared = this.declaredBy(context);
    const parameters = Object.keys(query ?? {});
    const undeclared = [
      ...(declared.query ? parameters.filter(isForbiddenKey) : parameters),
      ...(declared.body ? [] : Object.keys(body ?? {})),
    ];
    if (undeclared.length) throw invalid(undeclared.map(unknownField));
    return true;
  }

  private declaredBy(context: ExecutionContext): { query: boolean; body: boolean } {
    const handler = context.getHandler();
    let declared = this.declared.get(handler);
    if (!declared) {
      const route = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), handler.name) as
        object | undefined;
      const takes = (kind: RouteParamtypes) =>
        Object.keys(route ?? {}).some((argument) => argument.startsWith(`${kind}:`));
      declared = { query: takes(RouteParamtypes.QUERY), body: takes(RouteParamtypes.BODY) };
      this.declared.set(handler, declared);
    }
    return declared;
  }
}
