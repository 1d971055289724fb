import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension, ApiSecurity } from '@nestjs/swagger';

/** The metadata keys of the decorators below. The guard and the OpenAPI document read them. */
export const access = {
  public: 'access:public',
  sessionOnly: 'access:session-only',
  allowUnverified: 'access:allow-unverified',
  superuserOnly: 'access:superuser-only',
  tokenInUrl: 'access:token-in-url',
} as const;

/** The keys that the OpenAPI document reads. */
export const accessExtensions = {
  sessionOnly: 'x-session-only',
  allowUnverified: 'x-allow-unverified',
  superuserOnly: 'x-superuser-only',
  tokenInUrl: 'x-token-in-url',
} as const;

/** The route needs no authentication. Every route without this decorator requires a token. */
export function Public(): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(access.public, true), ApiSecurity({}));
}

/** The route requires a session: personal access tokens are refused. */
export function SessionOnly(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(access.sessionOnly, true),
    ApiExtension(accessExtensions.sessionOnly, true),
  );
}

/** The route is open to unverified users even if `REQUIRE_EMAIL_VERIFICATION` is on; all other routes are not. */
export function AllowUnverified(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(access.allowUnverified, true),
    ApiExtension(accessExtensions.allowUnverified, true),
  );
}

/** A read-only personal access token can also be sent as `?token=`, for clients that accept only a URL. */
export function TokenInUrl(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(access.tokenInUrl, true),
    ApiExtension(accessExtensions.tokenInUrl, true),
  );
}

/** The route requires a superuser with a session, unless the URL contains the id of the current user. */
export function SuperuserOnly(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(access.superuserOnly, true),
    ApiExtension(accessExtensions.superuserOnly, true),
  );
}
