import { recordAction } from '../administration/administration.repository';
import { ConfigError } from '../core/config';
import type { Database } from '../database/database';
import { sql } from '../database/statement';
import { normalizeEmail } from '../core/email';

/**
 * Promotes a user to superuser. Used for the first superuser, who can then promote others.
 * @returns a message for the operator
 * @throws ConfigError if there is no such account
 */
export async function promoteUser(database: Database, [argument, ...more]: string[]): Promise<string> {
  if (argument === undefined || more.length)
    throw new ConfigError('Usage: npm run cli -- user:promote EMAIL');
  const email = normalizeEmail(argument);
  const findUser = sql<{ id: string }>('SELECT id FROM users WHERE lower(email) = :email', { email });
  const { users } = await database.asOperator({ users: findUser });
  const [user] = users;
  if (!user) throw new ConfigError(`There is no account with the email address ${email}.`);
  await database.asOperator({
    record: recordAction('promote', user.id, 'NOT is_superuser', null),
    updated: sql('UPDATE users SET is_superuser = true WHERE id = :id', { id: user.id }),
  });
  return `${email} is now a superuser and can manage all accounts.`;
}
