import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database';
import { sql, Statement } from '../database/statement';
import type { Mail, MailKind } from './mail.entity';

export type DueMail = Pick<Mail, 'id' | 'kind' | 'email' | 'attempts'>;

/** Minutes for which a token that was mailed can be used. */
export const tokenMinutes = 30;

/** Mails that are still to be sent. Whatever asks for one writes it down in its own transaction. */
@Injectable()
export class MailsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Some of the mails that are due. Each will be due again, after 1, 2, 4, … minutes, up to an hour, unless it is
   * settled: also when this process ends meanwhile.
   */
  async claim(limit: number): Promise<DueMail[]> {
    const text = `
      UPDATE mails SET attempts = attempts + 1, due_at = now() + least(2 ^ attempts, 60) * interval '1 minute'
      WHERE id IN (SELECT id FROM mails WHERE due_at <= now() ORDER BY id LIMIT :limit::integer FOR UPDATE SKIP LOCKED)
      RETURNING id, kind, email, attempts`;
    const [rows = []] = await this.database.asAuthenticator(sql(text, { limit }));
    return (rows as [string, MailKind, string, number][]).map(([id, kind, email, attempts]) => ({
      id,
      kind,
      email,
      attempts,
    }));
  }

  async settle(id: string): Promise<void> {
    await this.database.asAuthenticator(sql('DELETE FROM mails WHERE id = :id', { id }));
  }

  /**
   * Has a token of this hash stand for the account, beside those that were mailed before.
   * @returns false where there is no such account, or nothing to prove any more
   */
  async keepToken(purpose: string, email: string, token_hash: Buffer): Promise<boolean> {
    const text = `
      WITH account AS (
        SELECT id, email FROM users
        WHERE lower(email) = :email AND is_active AND NOT (is_verified AND :purpose::text = 'verify_email')
      ), expired AS (
        DELETE FROM one_time_tokens t USING account WHERE t.user_id = account.id AND t.expires_at <= now()
      )
      INSERT INTO one_time_tokens (user_id, purpose, email, token_hash, expires_at)
      SELECT id, :purpose::text, email, :token_hash::bytea, now() + :minutes::integer * interval '1 minute' FROM account
      RETURNING 1`;
    const values = { purpose, email, token_hash, minutes: tokenMinutes };
    const [rows] = await this.database.asAuthenticator(sql(text, values));
    return rows?.length === 1;
  }
}

/** Has a mail sent, by the transaction that it is a part of. */
export function mailStatement(kind: MailKind, email: string): Statement {
  const text = 'INSERT INTO mails (id, kind, email) VALUES (:id, :kind, :email)';
  return sql(text, { id: uuidv7(), kind, email });
}
