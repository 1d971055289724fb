import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Config } from '../core/config';
import { JsonText } from '../core/json-text';
import { Database } from '../database/database';
import { rowAsJsonSql } from '../database/row-json';
import { sql } from '../database/statement';
import type { JsonRow } from '../database/statement-builder';
import { fieldsOf } from '../http/views';
import { enqueueMail } from '../mail/mails.repository';
import { UserView } from '../users/user.dto';
import { canSignInSql, User } from '../users/user.entity';
import { sessionIsAliveSql } from './session.entity';
import type { RefreshClaims } from './session-tokens';

/** The columns of an account that are needed to check its password. */
export type Account = Pick<User, 'id' | 'email' | 'username' | 'full_name' | 'password_hash'> & {
  can_sign_in: boolean;
};

export const accountColumns = `users.id, users.email, users.username, users.full_name, users.password_hash,
  ${canSignInSql} AS can_sign_in`;

/** A session after a sign-in or a refresh. */
export interface SessionState extends RefreshClaims {
  last_used_at: Date;
  expires_at: Date;
  /** The user, as JSON. */
  user: string;
}

export interface Device {
  userAgent: string | undefined;
  address: string | null;
}

/** Accounts and sessions, for requests without a current user. */
@Injectable()
export class AccountsRepository {
  private readonly userJsonSql: string;
  private readonly sessionColumns: string;

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    @InjectDataSource() dataSource: DataSource,
  ) {
    this.userJsonSql = rowAsJsonSql(dataSource.getMetadata(User), fieldsOf(UserView));
    this.sessionColumns = `sessions.user_id, sessions.id AS session_id, sessions.generation, sessions.last_used_at,
      sessions.expires_at, ${this.userJsonSql} AS user`;
  }

  /** Creates an account and enqueues the verification mail. @throws Problem 409 `email_taken`, `username_taken` */
  async create(user: Partial<User> & { email: string }): Promise<JsonText> {
    const { email, username = null, full_name = null, timezone = 'UTC', password_hash } = user;
    const text = `INSERT INTO users (id, email, username, full_name, timezone, password_hash)
      VALUES (:id, :email, :username, :full_name, :timezone, :password_hash) RETURNING ${this.userJsonSql} AS json`;
    const values = { id: uuidv7(), email, username, full_name, timezone, password_hash };
    const { users } = await this.database.asAuthenticator({
      users: sql<JsonRow>(text, values),
      mail: enqueueMail('verify_email', email),
    });
    return new JsonText(users[0]!.json);
  }

  /**
   * @param name in canonical form (`normalizeEmail`): an email address if it contains an @, otherwise a username
   * @param network `is_known_network` tells whether a session was started from there in the last 90 days
   */
  async find(
    name: string,
    network: string | null,
  ): Promise<(Account & { is_known_network: boolean }) | undefined> {
    const column = name.includes('@') ? 'email' : 'username';
    const text = `SELECT ${accountColumns},
        EXISTS (
          SELECT FROM sessions
          WHERE user_id = users.id AND ip <<= :network::inet AND created_at > now() - interval '90 days'
        ) AS is_known_network
      FROM users WHERE lower(${column}) = :name`;
    const { accounts } = await this.database.asAuthenticator({
      accounts: sql<Account & { is_known_network: boolean }>(text, { name, network }),
    });
    return accounts[0];
  }

  /**
   * Starts a session, and activates the account if its user deactivated it.
   * @param account after its password was verified
   * @param newHash of the same password, if the stored hash has an outdated cost
   * @returns undefined if the account was closed or deactivated, or its password was changed, in the meantime
   */
  async startSession(account: Account, device: Device, newHash?: string): Promise<SessionState | undefined> {
    const text = `
      -- These names hide the tables, so that the columns below come from the new rows.
      WITH users AS (
        UPDATE users SET last_login_at = now(), password_hash = :new_hash, is_active = true
        WHERE id = :user_id AND ${canSignInSql} AND password_hash = :password_hash RETURNING *
      ), sessions AS (
        INSERT INTO sessions (user_id, id, user_agent, ip, expires_at)
        SELECT id, :session_id::uuid, :user_agent, :ip::inet, now() + least(:idle_days::integer, :days::integer) * interval '1 day'
        FROM users RETURNING *
      )
      SELECT ${this.sessionColumns} FROM sessions CROSS JOIN users`;
    const values = {
      user_id: account.id,
      password_hash: account.password_hash,
      new_hash: newHash ?? account.password_hash,
      session_id: uuidv7(),
      user_agent: device.userAgent?.slice(0, 500) ?? null,
      ip: device.address,
      ...this.lifetimes(),
    };
    const { sessions } = await this.database.asAuthenticator({ sessions: sql<SessionState>(text, values) });
    return sessions[0];
  }

  /**
   * Exchanges a refresh token for the next one. For 10 seconds, the previous token gives the same new token again if that
   * one is unused, because the response may have been lost. Any other reuse of a token revokes the session.
   * @returns undefined if the session is revoked, also by this call, or expired
   */
  async refreshSession(claims: RefreshClaims): Promise<SessionState | undefined> {
    const isCurrentSql = 'sessions.generation = :generation::integer';
    const isRetrySql = `sessions.generation = :generation::integer + 1 AND sessions.last_used_at > now() - interval '10 seconds'`;
    const text = `
      UPDATE sessions SET
        generation = CASE WHEN ${isCurrentSql} THEN sessions.generation + 1 ELSE sessions.generation END,
        last_used_at = CASE WHEN ${isCurrentSql} THEN now() ELSE sessions.last_used_at END,
        expires_at = CASE WHEN ${isCurrentSql}
          THEN least(now() + :idle_days::integer * interval '1 day', sessions.created_at + :days::integer * interval '1 day')
          ELSE sessions.expires_at END,
        revoked_at = CASE WHEN ${isCurrentSql} OR ${isRetrySql} THEN NULL ELSE now() END
      FROM users
      WHERE sessions.user_id = :user_id AND sessions.id = :session_id AND users.id = sessions.user_id
        AND ${sessionIsAliveSql} AND users.is_active
      RETURNING ${this.sessionColumns}, sessions.revoked_at`;
    const { sessions } = await this.database.asAuthenticator({
      sessions: sql<SessionState & { revoked_at: Date | null }>(text, { ...claims, ...this.lifetimes() }),
    });
    return sessions[0]?.revoked_at === null ? sessions[0] : undefined;
  }

  private lifetimes(): { idle_days: number; days: number } {
    return { idle_days: this.config.refreshTokenDays, days: this.config.sessionDays };
  }
}
