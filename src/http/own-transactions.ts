import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

/** The metadata key of the decorator below, and the extension that the OpenAPI document reads. */
export const ownTransactions = 'x-own-transactions';

/**
 * The operations do not run in one transaction of the user, so they cannot be rolled back by `validate_only`, and no response can
 * be stored with their effect for an `Idempotency-Key`. Of operations on passwords and tokens, none may be stored.
 */
export function OwnTransactions(): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(ownTransactions, true), ApiExtension(ownTransactions, true));
}
