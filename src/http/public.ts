import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';

export const publicKey = 'public';

/** Opens a route to everybody. Without it, the guard wants a token. */
export function Public(): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(publicKey, true), ApiSecurity({}));
}
