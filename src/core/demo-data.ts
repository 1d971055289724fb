import { createHash } from 'node:crypto';

/**
 * The id of a row in the demo data (`npm run seed`). The OpenAPI document has the same ids as examples, so that its
 * operations can be tried.
 * @param collection the segment of a path before the id, such as `tasks`
 * @param number 1, or 2 for the row to try a deletion with
 */
export function demoId(collection: string, number: 1 | 2 = 1): string {
  const hash = createHash('sha256').update(`${collection} ${number}`).digest('hex');
  return `01a00000-0000-7000-8000-${hash.slice(0, 12)}`;
}

/** The tokens from emails to users of the demo data, by their purpose. */
export const demoTokens = {
  reset_password: 'token-from-the-email-to-the-maker',
  reopen_account: 'token-from-the-email-to-the-closed-account',
  verify_email: 'token-from-the-email-to-the-student',
} as const;
