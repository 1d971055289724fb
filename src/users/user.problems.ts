import { ProblemKind } from '../core/problem-kind';

export const emailTaken = new ProblemKind(
  409,
  'email_taken',
  'Another account uses this email address.',
  'users_email_key',
);

export const usernameTaken = new ProblemKind(
  409,
  'username_taken',
  'Another account uses this username.',
  'users_username_key',
);
