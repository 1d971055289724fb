import { applyDecorators, Controller } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

/** The extension that marks the operations of a controller with a mirror. */
const mirrorExtension = 'x-user-mirror';

/** A controller that serves its routes under `/{path}` and, as a mirror, under `/users/{user_id}/{path}`. */
export function ControllerWithUserMirror(path: string): ClassDecorator {
  const mirror = ['users/:user_id', path].filter(Boolean).join('/');
  return applyDecorators(Controller([path, mirror]), ApiExtension(mirrorExtension, true));
}

/** Whether an operation with this path is the mirror of another one. */
export function isMirror(operation: Record<`x-${string}`, unknown>, path: string): boolean {
  return operation[mirrorExtension] === true && path.includes('{user_id}');
}
