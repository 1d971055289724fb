import { Command } from 'commander';
import { recordAction } from '../../administration/administration.repository';
import { ConfigError } from '../../core/config';
import { normalizeEmail } from '../../core/email';
import type { Database } from '../../database/database';
import { sql } from '../../database/statement';
import { withDatabase } from '../with-database';

export const command = new Command('user:promote')
  .description('make a user a superuser, who can then promote others')
  .argument('<email>')
  .action((email: string) => withDatabase((database) => promoteUser(database, email)));

/** @throws ConfigError if there is no such account */
async function promoteUser(database: Database, argument: string): Promise<string> {
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
