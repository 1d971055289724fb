import { Param, PipeTransform } from '@nestjs/common';
import { isId } from '../core/ids';
import { FieldError, invalid } from '../core/problem';
import { Problems } from './problem-responses';

/** A path parameter that identifies a resource. Documents that the route can respond with 404. */
export function IdParam(name = 'id'): ParameterDecorator {
  return (target, key, index) => {
    Param(name, new IdPipe(name))(target, key, index);
    Problems(404)(target, key!, Object.getOwnPropertyDescriptor(target, key!)!);
  };
}

/** The error of a path parameter that is not a UUID. */
export function invalidId(name: string): FieldError {
  return { field: name, code: 'invalid_id', message: 'must be a UUID' };
}

class IdPipe implements PipeTransform<string, string> {
  constructor(private readonly name: string) {}

  /** @throws Problem 422 for a value that is not a UUID */
  transform(value: string): string {
    if (!isId(value)) throw invalid([invalidId(this.name)]);
    return value;
  }
}
