import { ProblemKind } from '../core/problem-kind';

/* The problems of the access rules in access.ts. */

export const emailNotVerified = new ProblemKind(
  403,
  'email_not_verified',
  'The email address is not verified. Request a verification email with POST /auth/email/verification.',
);

export const insufficientScope = new ProblemKind(
  403,
  'insufficient_scope',
  'The personal access token lacks the scope "write".',
);

export const sessionRequired = new ProblemKind(
  403,
  'session_required',
  'This operation requires a session. Sign in and send the access token of the session instead of a personal access token.',
);

/** URLs are shared and stored in logs and browser histories. */
export const readOnlyTokenRequired = new ProblemKind(
  403,
  'read_only_wanted',
  'Only a personal access token with no scope other than "read" can be sent in the URL.',
);
