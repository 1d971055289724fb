import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

/** The metadata key of the decorator below, and the extension that the OpenAPI document reads. */
export const accountSecurity = 'x-account-security';

/**
 * The operations of the controller concern the security of accounts: passwords, tokens, sessions and rights. They accept
 * neither `Idempotency-Key`, because nothing of their requests and responses may be stored, nor `validate_only`, because they
 * do not run in one transaction of the user.
 */
export function AccountSecurity(): ClassDecorator {
  return applyDecorators(SetMetadata(accountSecurity, true), ApiExtension(accountSecurity, true));
}
