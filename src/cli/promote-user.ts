import { record } from '../administration/administration.repository';
import { ConfigError } from '../core/config';
import type { Database } from '../database/database';
import { sql } from '../database/statement';
import { normalizeEmail } from '../core/email';

/**
 * Makes a superuser of an account: the first one, who can then make others.
 * @returns what was done
 * @throws ConfigError when there is no such account
 */
export async function promoteUser(database: Database, [written, ...more]: string[]): Promise<string> {
  if (written === undefined || more.length) throw new ConfigError('Usage: npm run cli -- user:promote EMAIL');
  const email = normalizeEmail(written);
  const find = sql('SELECT id FROM users WHERE lower(email) = :email', { email });
  const [[row] = []] = await database.asOperator(find);
  if (!row) throw new ConfigError(`There is no account with the email address ${email}.`);
  const [id] = row as [string];
  await database.asOperator(
    record('promote', id, 'NOT is_superuser', null),
    sql('UPDATE users SET is_superuser = true WHERE id = :id', { id }),
  );
  return `${email} is now a superuser and can manage all accounts.`;
}
