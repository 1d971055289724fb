import { applyDecorators, Controller } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

/** The extension that marks the operations of a controller with a mirror. */
export const mirrorExtension = 'x-user-mirror';

/** A controller that serves its routes under `/{path}` and, as a mirror, under `/users/{user_id}/{path}`. */
export function ControllerWithUserMirror(path: string): ClassDecorator {
  const mirror = ['users/:user_id', path].filter(Boolean).join('/');
  return applyDecorators(Controller([path, mirror]), ApiExtension(mirrorExtension, true));
}
