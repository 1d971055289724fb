import { ProblemKind } from '../core/problem-kind';

export const wrongPassword = new ProblemKind(
  403,
  'wrong_password',
  'The current password is wrong. Nothing was changed.',
);

export const invalidCredentials = new ProblemKind(
  401,
  'invalid_credentials',
  'The email address, username or password is wrong.',
);

export const invalidRefreshToken = new ProblemKind(
  401,
  'invalid_refresh_token',
  'The refresh token is invalid, expired, revoked or already used. Sign in again.',
);
