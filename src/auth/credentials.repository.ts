import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database';
import { sql } from '../database/statement';
import { viewAsJson } from '../database/view';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import type { MailKind } from '../mail/mail.entity';
import { mailStatement } from '../mail/mails.repository';
import { UserView } from '../users/user.dto';
import { User } from '../users/user.entity';
import { Account, accountColumns, asAccount } from './accounts.repository';
import type { OneTimeToken } from './one-time-token.entity';
import { isAlive } from './session.entity';

/** Whether the statement before, of the same transaction, has changed the password: no hash is like another. */
const isChanged = 'EXISTS (SELECT FROM users WHERE users.id = :id AND users.password_hash = :new_hash)';

const forgetResets = `DELETE FROM one_time_tokens
  WHERE user_id = :id AND purpose = 'reset_password' AND ${isChanged}`;

const noticeOfPassword = `INSERT INTO mails (id, kind, email)
  SELECT :mail_id::uuid, 'password_changed', :email::text WHERE ${isChanged}`;

/** Passwords and addresses, which are out of the current user's own reach, and the tokens that are mailed to prove them. */
@Injectable()
export class CredentialsRepository {
  private readonly userAsJson: string;

  constructor(
    private readonly database: Database,
    @InjectDataSource() dataSource: DataSource,
  ) {
    this.userAsJson = viewAsJson(dataSource.getMetadata(User), UserView);
  }

  /** The current user's. Undefined when the session is not alive. */
  async findCurrent(): Promise<Account | undefined> {
    const text = `SELECT ${accountColumns} FROM users JOIN sessions ON sessions.user_id = users.id
      WHERE users.id = :user_id AND users.is_active AND sessions.id = :session_id AND ${isAlive}`;
    const [rows] = await this.database.asAuthenticator(sql(text, { ...currentUser() }));
    return asAccount(rows);
  }

  /** The account that a one-time token stands for, while it does. */
  async findByToken(purpose: OneTimeToken['purpose'], token_hash: Buffer): Promise<Account | undefined> {
    const text = `SELECT ${accountColumns} FROM one_time_tokens t JOIN users ON users.id = t.user_id
      WHERE t.token_hash = :token_hash AND t.purpose = :purpose AND t.expires_at > now() AND users.is_active`;
    const [rows] = await this.database.asAuthenticator(sql(text, { purpose, token_hash }));
    return asAccount(rows);
  }

  /**
   * The current user's new password; all other sessions end. First the account is changed, which waits for sign-ins that
   * are under way; the sessions that end after that are theirs too.
   * @returns false when the password, or the session, is not what it was
   */
  async changePassword({ id, email, password_hash }: Account, newHash: string): Promise<boolean> {
    const values = { id, email, password_hash, new_hash: newHash, ...currentUser(), mail_id: uuidv7() };
    const change = `UPDATE users SET password_hash = :new_hash WHERE id = :id AND password_hash = :password_hash AND is_active
      AND EXISTS (SELECT FROM sessions WHERE user_id = :id AND sessions.id = :session_id AND ${isAlive}) RETURNING 1`;
    const end = `UPDATE sessions SET revoked_at = now()
      WHERE user_id = :id AND sessions.id <> :session_id AND ${isAlive} AND ${isChanged}`;
    const statements = [change, end, forgetResets, noticeOfPassword].map((text) => sql(text, values));
    const [rows = []] = await this.database.asAuthenticator(...statements);
    return rows.length > 0;
  }

  /**
   * A new password by a token that was mailed: which also proves the address. All sessions and personal tokens end.
   * @returns false when the token does not serve any more: of several at once, one does
   */
  async resetPassword({ id, email }: Account, token_hash: Buffer, newHash: string): Promise<boolean> {
    const values = { id, email, token_hash, new_hash: newHash, mail_id: uuidv7() };
    const change = `
      WITH token AS (
        DELETE FROM one_time_tokens WHERE user_id = :id AND purpose = 'reset_password' AND token_hash = :token_hash
          AND expires_at > now() RETURNING user_id, email
      )
      UPDATE users SET password_hash = :new_hash, is_verified = true, email_verified_at = coalesce(email_verified_at, now())
      FROM token WHERE users.id = token.user_id AND users.email = token.email AND is_active RETURNING 1`;
    const end = `UPDATE sessions SET revoked_at = now() WHERE user_id = :id AND ${isAlive} AND ${isChanged}`;
    const endTokens = `DELETE FROM personal_tokens WHERE user_id = :id AND ${isChanged}`;
    const statements = [change, end, endTokens, forgetResets, noticeOfPassword].map((text) =>
      sql(text, values),
    );
    const [rows = []] = await this.database.asAuthenticator(...statements);
    return rows.length > 0;
  }

  /**
   * Another address for the current user, with what else changes. It is to be verified anew; other sessions and mailed
   * tokens end; the old address is told.
   * @returns the user; undefined when the password, or the session, is not what it was
   * @throws Problem 409 when the address or the username belongs to another account
   */
  async changeEmail(
    account: Account,
    changes: Partial<User> & { email: string },
  ): Promise<JsonText | undefined> {
    const columns = (['email', 'username', 'full_name', 'timezone'] as const).filter(
      (column) => changes[column] !== undefined,
    );
    const values = {
      ...changes,
      id: account.id,
      password_hash: account.password_hash,
      old_email: account.email,
      ...currentUser(),
      verify_id: uuidv7(),
      notice_id: uuidv7(),
    };
    const change = `UPDATE users SET ${columns.map((column) => `${column} = :${column}`).join(', ')},
        is_verified = false, email_verified_at = NULL
      WHERE id = :id AND is_active AND password_hash = :password_hash AND email = :old_email
        AND EXISTS (SELECT FROM sessions WHERE user_id = :id AND sessions.id = :session_id AND ${isAlive})
      RETURNING ${this.userAsJson}`;
    const isMoved = 'EXISTS (SELECT FROM users WHERE users.id = :id AND users.email = :email)';
    const end = `UPDATE sessions SET revoked_at = now()
      WHERE user_id = :id AND sessions.id <> :session_id AND ${isAlive} AND ${isMoved}`;
    const forget = `DELETE FROM one_time_tokens WHERE user_id = :id AND ${isMoved}`;
    const notify = `INSERT INTO mails (id, kind, email)
      SELECT :verify_id::uuid, 'verify_email', :email::text WHERE ${isMoved}
      UNION ALL SELECT :notice_id::uuid, 'email_changed', :old_email::text WHERE ${isMoved}`;
    const statements = [change, end, forget, notify].map((text) => sql(text, values));
    const [[row] = []] = await this.database.asAuthenticator(...statements);
    return row && new JsonText(row[0] as string);
  }

  /** @returns false when the token does not serve any more */
  async verifyEmail(token_hash: Buffer): Promise<boolean> {
    const text = `
      WITH token AS (
        DELETE FROM one_time_tokens WHERE purpose = 'verify_email' AND token_hash = :token_hash AND expires_at > now()
        RETURNING user_id, email
      ), verified AS (
        UPDATE users SET is_verified = true, email_verified_at = now()
        FROM token WHERE users.id = token.user_id AND users.email = token.email AND is_active RETURNING users.id
      ), forgotten AS (
        DELETE FROM one_time_tokens t USING verified
        WHERE t.user_id = verified.id AND t.purpose = 'verify_email' AND t.token_hash <> :token_hash
      )
      SELECT 1 FROM verified`;
    const [rows = []] = await this.database.asAuthenticator(sql(text, { token_hash }));
    return rows.length > 0;
  }

  /** Writes a mail down, whether there is such an account or not: that is looked at when it is sent. */
  async askForMail(kind: MailKind, email: string): Promise<void> {
    await this.database.asAuthenticator(mailStatement(kind, email));
  }
}
