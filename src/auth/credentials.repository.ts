import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { JsonText } from '../core/json-text';
import { currentUser } from '../core/request-context';
import { Database } from '../database/database';
import { rowAsJsonSql } from '../database/row-json';
import { sql, Statement } from '../database/statement';
import type { JsonRow } from '../database/statement-builder';
import { fieldsOf } from '../http/views';
import type { MailKind } from '../mail/mail.entity';
import { enqueueMail } from '../mail/mails.repository';
import { UserView } from '../users/user.dto';
import { canReopenSql, canSignInSql, User } from '../users/user.entity';
import { Account, accountColumns } from './accounts.repository';
import type { OneTimeToken } from './one-time-token.entity';
import { sessionIsAliveSql } from './session.entity';

/** SQL condition: the session of the request is alive. */
const currentSessionIsAliveSql = `EXISTS (
  SELECT FROM sessions WHERE user_id = :user_id AND id = :session_id AND ${sessionIsAliveSql})`;

/**
 * Passwords and email addresses, which the role of the current user cannot write, and mailed tokens.
 *
 * Every change updates the account before it revokes sessions: the update waits for concurrent sign-ins, so that their
 * sessions are revoked too.
 */
@Injectable()
export class CredentialsRepository {
  private readonly userJsonSql: string;

  constructor(
    private readonly database: Database,
    @InjectDataSource() dataSource: DataSource,
  ) {
    this.userJsonSql = rowAsJsonSql(dataSource.getMetadata(User), fieldsOf(UserView));
  }

  /** The current user's account. @returns undefined if the session is revoked or expired */
  async findCurrent(): Promise<Account | undefined> {
    const text = `SELECT ${accountColumns} FROM users JOIN sessions ON sessions.user_id = users.id
      WHERE users.id = :user_id AND users.is_active AND sessions.id = :session_id AND ${sessionIsAliveSql}`;
    const { accounts } = await this.database.asAuthenticator({
      accounts: sql<Account>(text, currentSession()),
    });
    return accounts[0];
  }

  /** The account of a mailed token, while the token is valid. */
  async findByToken(purpose: OneTimeToken['purpose'], tokenHash: Buffer): Promise<Account | undefined> {
    const text = `SELECT ${accountColumns} FROM one_time_tokens t JOIN users ON users.id = t.user_id
      WHERE t.token_hash = :token_hash AND t.purpose = :purpose AND t.expires_at > now() AND ${canSignInSql}`;
    const { accounts } = await this.database.asAuthenticator({
      accounts: sql<Account>(text, { purpose, token_hash: tokenHash }),
    });
    return accounts[0];
  }

  /**
   * Sets the current user's password and revokes all other sessions.
   * @returns false if the password was changed or the session revoked in the meantime
   */
  changePassword(account: Account, newHash: string): Promise<boolean> {
    const { id, email, password_hash } = account;
    const values = { ...currentSession(), password_hash, new_hash: newHash };
    const updateSql = `UPDATE users SET password_hash = :new_hash
      WHERE id = :user_id AND password_hash = :password_hash AND is_active AND ${currentSessionIsAliveSql} RETURNING id`;
    return this.database.authenticatorTransaction(async () => {
      const { updated } = await this.database.asAuthenticator({ updated: sql(updateSql, values) });
      if (updated.length === 0) return false;
      await this.database.asAuthenticator({
        revokeSessions: revokeOtherSessions(),
        deleteTokens: deleteResetTokens(id),
        notice: enqueueMail('password_changed', email),
      });
      return true;
    });
  }

  /**
   * Sets a password with a mailed token, which also verifies the address. Revokes all sessions and personal access tokens.
   * @returns false if the token is no longer valid: only one of several simultaneous uses succeeds
   */
  resetPassword(account: Account, tokenHash: Buffer, newHash: string): Promise<boolean> {
    const { id, email } = account;
    const updateSql = `
      WITH token AS (
        DELETE FROM one_time_tokens WHERE user_id = :id AND purpose = 'reset_password' AND token_hash = :token_hash
          AND expires_at > now() RETURNING user_id, email
      )
      UPDATE users SET password_hash = :new_hash, is_verified = true, email_verified_at = coalesce(email_verified_at, now())
      FROM token WHERE users.id = token.user_id AND users.email = token.email AND ${canSignInSql} RETURNING users.id`;
    return this.database.authenticatorTransaction(async () => {
      const { updated } = await this.database.asAuthenticator({
        updated: sql(updateSql, { id, token_hash: tokenHash, new_hash: newHash }),
      });
      if (updated.length === 0) return false;
      await this.database.asAuthenticator({
        revokeSessions: revokeAllSessions(id),
        deletePersonalTokens: sql('DELETE FROM personal_tokens WHERE user_id = :id', { id }),
        deleteTokens: deleteResetTokens(id),
        notice: enqueueMail('password_changed', email),
      });
      return true;
    });
  }

  /**
   * Sets the current user's email address, together with other values. The new address must be verified, other sessions
   * and mailed tokens are revoked, and the old address is notified.
   * @returns the user; undefined if the password was changed or the session revoked in the meantime
   * @throws Problem 409 `email_taken`, `username_taken`
   */
  changeEmail(account: Account, values: Partial<User> & { email: string }): Promise<JsonText | undefined> {
    const columns = (['email', 'username', 'full_name', 'timezone'] as const).filter(
      (column) => values[column] !== undefined,
    );
    const updateSql = `UPDATE users SET ${columns.map((column) => `${column} = :${column}`).join(', ')},
        is_verified = false, email_verified_at = NULL
      WHERE id = :user_id AND is_active AND password_hash = :password_hash AND email = :old_email
        AND ${currentSessionIsAliveSql}
      RETURNING ${this.userJsonSql} AS json`;
    const parameters = {
      ...values,
      ...currentSession(),
      password_hash: account.password_hash,
      old_email: account.email,
    };
    return this.database.authenticatorTransaction(async () => {
      const { updated } = await this.database.asAuthenticator({
        updated: sql<JsonRow>(updateSql, parameters),
      });
      if (!updated[0]) return undefined;
      await this.database.asAuthenticator({
        revokeSessions: revokeOtherSessions(),
        deleteTokens: sql('DELETE FROM one_time_tokens WHERE user_id = :id', { id: account.id }),
        verification: enqueueMail('verify_email', values.email),
        notice: enqueueMail('email_changed', account.email),
      });
      return new JsonText(updated[0].json);
    });
  }

  /** @returns false if the token is no longer valid */
  verifyEmail(tokenHash: Buffer): Promise<boolean> {
    const verifySql = 'is_verified = true, email_verified_at = now()';
    return this.updateByToken('verify_email', tokenHash, verifySql, 'is_active');
  }

  /** Activates a closed account with a mailed token. @returns false if the token is no longer valid */
  reopen(tokenHash: Buffer): Promise<boolean> {
    return this.updateByToken('reopen_account', tokenHash, 'is_active = true', canReopenSql);
  }

  /**
   * Deactivates the current user's account and revokes all its sessions and tokens.
   * @param deletionDays days until the account is deleted; null to keep it
   * @returns false if the password was changed or the session revoked in the meantime
   */
  deactivate({ id, email, password_hash }: Account, deletionDays: number | null): Promise<boolean> {
    const updateSql = `UPDATE users
      SET is_active = false, can_reactivate = true, deletion_at = now() + :days::integer * interval '1 day'
      WHERE id = :user_id AND is_active AND password_hash = :password_hash AND ${currentSessionIsAliveSql} RETURNING id`;
    const values = { ...currentSession(), password_hash, days: deletionDays };
    return this.database.authenticatorTransaction(async () => {
      const { updated } = await this.database.asAuthenticator({ updated: sql(updateSql, values) });
      if (updated.length === 0) return false;
      await this.database.asAuthenticator({
        revokeSessions: revokeAllSessions(id),
        deletePersonalTokens: sql('DELETE FROM personal_tokens WHERE user_id = :id', { id }),
        deleteOneTimeTokens: sql('DELETE FROM one_time_tokens WHERE user_id = :id', { id }),
        mail:
          deletionDays === null
            ? undefined
            : enqueueMail(deletionDays ? 'reopen_account' : 'account_deleted', email),
      });
      return true;
    });
  }

  /** Enqueues a mail whether or not such an account exists: that is checked when the mail is sent. */
  async enqueueMail(kind: MailKind, email: string): Promise<void> {
    await this.database.asAuthenticator({ mail: enqueueMail(kind, email) });
  }

  /**
   * Updates the account of a mailed token, and deletes all its tokens for this purpose.
   * @param assignmentsSql,conditionSql SQL on the columns of `users`
   * @returns false if the token or the account is not valid for this
   */
  private updateByToken(
    purpose: OneTimeToken['purpose'],
    tokenHash: Buffer,
    assignmentsSql: string,
    conditionSql: string,
  ): Promise<boolean> {
    const updateSql = `
      WITH token AS (
        DELETE FROM one_time_tokens WHERE purpose = :purpose AND token_hash = :token_hash AND expires_at > now()
        RETURNING user_id, email
      )
      UPDATE users SET ${assignmentsSql}
      FROM token WHERE users.id = token.user_id AND users.email = token.email AND ${conditionSql} RETURNING users.id`;
    const deleteOthersSql = 'DELETE FROM one_time_tokens WHERE user_id = :id AND purpose = :purpose';
    return this.database.authenticatorTransaction(async () => {
      const { updated } = await this.database.asAuthenticator({
        updated: sql<{ id: string }>(updateSql, { purpose, token_hash: tokenHash }),
      });
      if (!updated[0]) return false;
      await this.database.asAuthenticator({
        deleteOthers: sql(deleteOthersSql, { id: updated[0].id, purpose }),
      });
      return true;
    });
  }
}

function currentSession(): { user_id: string; session_id: string | null } {
  const { userId, sessionId } = currentUser();
  return { user_id: userId, session_id: sessionId };
}

function revokeOtherSessions(): Statement {
  const text = `UPDATE sessions SET revoked_at = now()
    WHERE user_id = :user_id AND id <> :session_id AND ${sessionIsAliveSql}`;
  return sql(text, currentSession());
}

function revokeAllSessions(userId: string): Statement {
  const text = `UPDATE sessions SET revoked_at = now() WHERE user_id = :user_id AND ${sessionIsAliveSql}`;
  return sql(text, { user_id: userId });
}

function deleteResetTokens(userId: string): Statement {
  const text = `DELETE FROM one_time_tokens WHERE user_id = :user_id AND purpose = 'reset_password'`;
  return sql(text, { user_id: userId });
}
