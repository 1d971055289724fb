import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database';
import { sql, Statement } from '../database/statement';
import { canReopenSql, canSignInSql, User } from '../users/user.entity';
import type { Mail, MailedTokenPurpose, MailKind } from './mail.entity';

export type DueMail = Pick<Mail, 'id' | 'kind' | 'email' | 'attempts'>;

/** The account that a token is mailed to. */
export type TokenRecipient = Pick<User, 'deletion_at'>;

/** Minutes for which a mailed token is valid. */
export const tokenMinutes = 30;

/** SQL conditions for the accounts that can use a token. */
const isRecipientSql: Record<MailedTokenPurpose, string> = {
  verify_email: 'is_active AND NOT is_verified',
  reset_password: canSignInSql,
  reopen_account: canReopenSql,
};

/** The outbox: mails that have not been sent yet. */
@Injectable()
export class MailsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Returns mails that are due and increments their attempts. Each becomes due again after 1, 2, 4, … minutes, up to an
   * hour, unless it is deleted: so a mail is also retried if this process ends before it is sent.
   */
  async claim(limit: number): Promise<DueMail[]> {
    const text = `
      UPDATE mails SET attempts = attempts + 1, due_at = now() + least(2 ^ attempts, 60) * interval '1 minute'
      WHERE id IN (SELECT id FROM mails WHERE due_at <= now() ORDER BY id LIMIT :limit::integer FOR UPDATE SKIP LOCKED)
      RETURNING id, kind, email, attempts`;
    const { mails } = await this.database.asAuthenticator({ mails: sql<DueMail>(text, { limit }) });
    return mails;
  }

  /** Mails that have not been sent yet, by all instances. */
  async count(): Promise<number> {
    const text = 'SELECT count(*)::integer AS count FROM mails';
    const { rows } = await this.database.asAuthenticator({ rows: sql<{ count: number }>(text) });
    return rows[0]!.count;
  }

  /** Deletes a mail after it was sent or after the last attempt failed. */
  async delete(id: string): Promise<void> {
    await this.database.asAuthenticator({ deleted: sql('DELETE FROM mails WHERE id = :id', { id }) });
  }

  /**
   * Stores the hash of a token for the account with this address. Tokens that were mailed before stay valid.
   * @returns undefined if there is no such account, or the token would have no use
   */
  async storeToken(
    purpose: MailedTokenPurpose,
    email: string,
    tokenHash: Buffer,
  ): Promise<TokenRecipient | undefined> {
    const text = `
      WITH account AS (
        SELECT id, email, deletion_at FROM users WHERE lower(email) = :email AND ${isRecipientSql[purpose]}
      ), expired AS (
        DELETE FROM one_time_tokens t USING account WHERE t.user_id = account.id AND t.expires_at <= now()
      )
      INSERT INTO one_time_tokens (user_id, purpose, email, token_hash, expires_at)
      SELECT id, :purpose::text, email, :token_hash::bytea, now() + :minutes::integer * interval '1 minute' FROM account
      RETURNING (SELECT deletion_at FROM account)`;
    const values = { purpose, email, token_hash: tokenHash, minutes: tokenMinutes };
    const { recipients } = await this.database.asAuthenticator({
      recipients: sql<TokenRecipient>(text, values),
    });
    return recipients[0];
  }
}

/** The statement that adds a mail to the outbox. */
export function enqueueMail(kind: MailKind, email: string): Statement {
  const text = 'INSERT INTO mails (id, kind, email) VALUES (:id, :kind, :email)';
  return sql(text, { id: uuidv7(), kind, email });
}
