import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Config } from '../core/config';
import { Database, Row } from '../database/database';
import { sql } from '../database/statement';
import { viewAsJson } from '../database/view';
import { JsonText } from '../core/json-text';
import { mailStatement } from '../mail/mails.repository';
import { UserView } from '../users/user.dto';
import { User } from '../users/user.entity';
import { isAlive } from './session.entity';
import type { RefreshClaims } from './tokens';

/** An account, as those see it who look at its password. */
export type Account = Pick<User, 'id' | 'email' | 'username' | 'full_name' | 'password_hash' | 'is_active'>;

export const accountColumns =
  'users.id, users.email, users.username, users.full_name, users.password_hash, users.is_active';

/** A session as it stands after a sign-in or a refresh. */
export interface SessionState extends RefreshClaims {
  last_used_at: Date;
  expires_at: Date;
  /** The user, as JSON. */
  user: string;
}

export interface Device {
  user_agent: string | undefined;
  ip: string | null;
}

/** Accounts and sessions, where there is no current user yet. */
@Injectable()
export class AccountsRepository {
  private readonly userAsJson: string;

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    @InjectDataSource() dataSource: DataSource,
  ) {
    this.userAsJson = viewAsJson(dataSource.getMetadata(User), UserView);
  }

  /** With a mail that asks whether the address is the user's. @throws Problem 409 when email or username is taken */
  async create(user: Partial<User>): Promise<JsonText> {
    const { email, username = null, full_name = null, timezone = 'UTC', password_hash } = user;
    const insert = sql(
      `INSERT INTO users (id, email, username, full_name, timezone, password_hash)
      VALUES (:id, :email, :username, :full_name, :timezone, :password_hash) RETURNING ${this.userAsJson}`,
      { id: uuidv7(), email, username, full_name, timezone, password_hash },
    );
    const [[row] = []] = await this.database.asAuthenticator(insert, mailStatement('verify_email', email!));
    return new JsonText(row![0] as string);
  }

  /**
   * @param name as `readEmail` has it: an email address, if there is an @ in it; else a username
   * @param network that somebody may have signed in from, in the last 90 days
   */
  async find(name: string, network: string | null): Promise<(Account & { is_known: boolean }) | undefined> {
    const column = name.includes('@') ? 'email' : 'username';
    const text = `SELECT ${accountColumns},
        EXISTS (
          SELECT FROM sessions
          WHERE user_id = users.id AND ip <<= :network::inet AND created_at > now() - interval '90 days'
        )
      FROM users WHERE lower(${column}) = :name`;
    const [rows = []] = await this.database.asAuthenticator(sql(text, { name, network }));
    const account = asAccount(rows);
    return account && { ...account, is_known: rows[0]![6] as boolean };
  }

  /**
   * @param account whose password was right
   * @param newHash of the same password, where the one that is stored is dated
   * @returns undefined when the account has gone, was deactivated, or has another password meanwhile
   */
  async openSession(account: Account, device: Device, newHash?: string): Promise<SessionState | undefined> {
    const text = `
      -- Under the table's own name, so that the view's SQL shows the row as it is after the update.
      WITH users AS (
        UPDATE users SET last_login_at = now(), password_hash = :new_hash
        WHERE id = :user_id AND is_active AND password_hash = :password_hash RETURNING *
      ), session AS (
        INSERT INTO sessions (user_id, id, user_agent, ip, expires_at)
        SELECT id, :session_id::uuid, :user_agent, :ip::inet, now() + least(:idle_days::integer, :days::integer) * interval '1 day'
        FROM users RETURNING *
      )
      SELECT session.user_id, session.id, session.generation, session.last_used_at, session.expires_at, ${this.userAsJson}
      FROM session CROSS JOIN users`;
    const values = {
      user_id: account.id,
      password_hash: account.password_hash,
      new_hash: newHash ?? account.password_hash,
      session_id: uuidv7(),
      user_agent: device.user_agent?.slice(0, 500) ?? null,
      ip: device.ip,
      ...this.lifetimes(),
    };
    return asState(await this.database.asAuthenticator(sql(text, values)));
  }

  /**
   * Takes the session one generation further, if the token is the one that may be used next. A token that was used
   * just now, and whose successor was not used yet, gets the same successor: its answer was lost. Any other token that
   * was used before ends the session.
   * @returns undefined when the session is not alive, or was ended by this
   */
  async refreshSession({
    user_id,
    session_id,
    generation,
  }: RefreshClaims): Promise<SessionState | undefined> {
    const isNext = 'sessions.generation = :generation::integer';
    const isRetry = `sessions.generation = :generation::integer + 1 AND sessions.last_used_at > now() - interval '10 seconds'`;
    const text = `
      UPDATE sessions SET
        generation = CASE WHEN ${isNext} THEN sessions.generation + 1 ELSE sessions.generation END,
        last_used_at = CASE WHEN ${isNext} THEN now() ELSE sessions.last_used_at END,
        expires_at = CASE WHEN ${isNext}
          THEN least(now() + :idle_days::integer * interval '1 day', sessions.created_at + :days::integer * interval '1 day')
          ELSE sessions.expires_at END,
        revoked_at = CASE WHEN ${isNext} OR ${isRetry} THEN NULL ELSE now() END
      FROM users
      WHERE sessions.user_id = :user_id AND sessions.id = :session_id AND users.id = sessions.user_id
        AND ${isAlive} AND users.is_active
      RETURNING sessions.user_id, sessions.id, sessions.generation, sessions.last_used_at, sessions.expires_at,
        ${this.userAsJson}, sessions.revoked_at`;
    const values = { user_id, session_id, generation, ...this.lifetimes() };
    return asState(await this.database.asAuthenticator(sql(text, values)));
  }

  private lifetimes(): { idle_days: number; days: number } {
    return { idle_days: this.config.refreshTokenDays, days: this.config.sessionDays };
  }
}

export function asAccount([row]: Row[] = []): Account | undefined {
  if (!row) return undefined;
  const [id, email, username, full_name, password_hash, is_active] = row as [
    string,
    string,
    string | null,
    string | null,
    string,
    boolean,
  ];
  return { id, email, username, full_name, password_hash, is_active };
}

function asState([rows = []]: Row[][]): SessionState | undefined {
  const [row] = rows;
  if (!row || row[6]) return undefined;
  const [user_id, session_id, generation, last_used_at, expires_at, user] = row as [
    string,
    string,
    number,
    Date,
    Date,
    string,
  ];
  return { user_id, session_id, generation, last_used_at, expires_at, user };
}
