import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension, ApiSecurity } from '@nestjs/swagger';

/** Who may use a route. Without any of these: whoever brings a token. The guard reads what they say. */
export const access = {
  public: 'public',
  sessionOnly: 'session only',
  verifiedOnly: 'verified only',
  administrators: 'administrators',
  tokenInUrl: 'token in URL',
} as const;

/** Opens a route to everybody. */
export function Public(): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(access.public, true), ApiSecurity({}));
}

/** The account's security: a personal token does not serve. */
export function SessionOnly(): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(access.sessionOnly, true), ApiExtension('x-session-only', true));
}

/** Where `REQUIRE_EMAIL_VERIFICATION` is on: for users whose email address is verified. */
export function VerifiedOnly(): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(access.verifiedOnly, true), ApiExtension('x-verified-only', true));
}

/** For programs that can only be given an address: a personal token that can only read serves as `?token=` too. */
export function TokenInUrl(): MethodDecorator & ClassDecorator {
  return SetMetadata(access.tokenInUrl, true);
}

/** Unless the address names the user's own account: for superusers, with a session. */
export function Administrators(): MethodDecorator & ClassDecorator {
  return SetMetadata(access.administrators, true);
}
