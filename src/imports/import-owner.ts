import { v7 as uuidv7 } from 'uuid';
import { Passwords } from '../auth/passwords';
import { Config, ConfigError } from '../core/config';
import { isEmail, normalizeEmail } from '../core/email';
import type { Database } from '../database/database';
import { sql, Statement } from '../database/statement';
import { enqueueMail } from '../mail/mails.repository';

/** The account that an import writes to. */
export interface ImportOwner {
  id: string;
  email: string;
  /** The statements that create the account, with a mail to set its password; absent if it exists. */
  create?: Record<string, Statement>;
}

/** @throws ConfigError if there is no active account with this address, and none is to be created */
export async function findOwner(
  database: Database,
  config: Config,
  address: string,
  timezone: string,
  isCreating: boolean,
): Promise<ImportOwner> {
  const email = normalizeEmail(address);
  if (!isEmail(email)) throw new ConfigError(`${address} is not an email address.`);
  const text = 'SELECT id, is_active FROM users WHERE lower(email) = :email';
  const { users } = await database.asOperator({
    users: sql<{ id: string; is_active: boolean }>(text, { email }),
  });
  const [user] = users;
  if (user?.is_active) return { id: user.id, email };
  if (user) throw new ConfigError(`The account ${email} is not active. Activate it first.`);
  if (!isCreating) {
    throw new ConfigError(
      `There is no account with the email address ${email}. Check the address, or create the account with --create-owner.`,
    );
  }
  const id = uuidv7();
  const passwordHash = await new Passwords(config).unusableHash();
  const insertSql = `INSERT INTO users (id, email, timezone, password_hash) VALUES (:id, :email, :timezone, :password_hash)`;
  const account = sql(insertSql, { id, email, timezone, password_hash: passwordHash });
  return { id, email, create: { account, mail: enqueueMail('reset_password', email) } };
}

/** What a message about an import adds if the account is new. */
export function createdText({ create }: ImportOwner): string {
  return create ? ' The account is new; a mail with a token to set its password is in the outbox.' : '';
}
