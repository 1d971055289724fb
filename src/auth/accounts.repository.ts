import { isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database';
import { sql } from '../database/statement';
import { viewAsJson } from '../database/view';
import { JsonText } from '../http/json-text';
import { UserView } from '../users/user.dto';
import { User } from '../users/user.entity';
import type { RefreshClaims } from './tokens';

export interface Account {
  id: string;
  password_hash: string;
  is_active: boolean;
}

/** A session as it stands after a sign-in or a refresh. */
export interface SessionState extends RefreshClaims {
  last_used_at: Date;
  expires_at: Date;
  /** The user, as JSON. */
  user: string;
}

export interface Device {
  user_agent: string | undefined;
  ip: string;
}

/** What sign-up, sign-in and refresh do before there is a current user. Each method is one statement. */
@Injectable()
export class AccountsRepository {
  private readonly userAsJson: string;

  constructor(
    private readonly database: Database,
    @InjectDataSource() dataSource: DataSource,
  ) {
    this.userAsJson = viewAsJson(dataSource.getMetadata(User), UserView);
  }

  /** @throws Problem 409 when the email or the username belongs to another account */
  async create(user: Partial<User>): Promise<JsonText> {
    const { email, username = null, full_name = null, timezone = 'UTC', password_hash } = user;
    const text = `INSERT INTO users (id, email, username, full_name, timezone, password_hash)
      VALUES (:id, :email, :username, :full_name, :timezone, :password_hash) RETURNING ${this.userAsJson}`;
    const values = { id: uuidv7(), email, username, full_name, timezone, password_hash };
    const [row] = await this.database.asAuthenticator(sql(text, values));
    return new JsonText(row![0] as string);
  }

  /** @param name as `readEmail` has it: an email address, if there is an @ in it; else a username */
  async find(name: string): Promise<Account | undefined> {
    const column = name.includes('@') ? 'email' : 'username';
    const text = `SELECT id, password_hash, is_active FROM users WHERE lower(${column}) = :name`;
    const [row] = await this.database.asAuthenticator(sql(text, { name }));
    if (!row) return undefined;
    const [id, password_hash, is_active] = row as [string, string, boolean];
    return { id, password_hash, is_active };
  }

  /** @returns undefined when the account has gone, or was deactivated, meanwhile */
  async openSession(user_id: string, device: Device, days: number): Promise<SessionState | undefined> {
    const text = `
      -- Under the table's own name, so that the view's SQL shows the row as it is after the update.
      WITH users AS (
        UPDATE users SET last_login_at = now() WHERE id = :user_id AND is_active RETURNING *
      ), session AS (
        INSERT INTO sessions (user_id, id, user_agent, ip, expires_at)
        SELECT id, :session_id::uuid, :user_agent, :ip::inet, now() + :days::integer * interval '1 day' FROM users
        RETURNING *
      )
      SELECT session.user_id, session.id, session.generation, session.last_used_at, session.expires_at, ${this.userAsJson}
      FROM session CROSS JOIN users`;
    const values = { user_id, session_id: uuidv7(), ...deviceColumns(device), days };
    return asState(await this.database.asAuthenticator(sql(text, values)));
  }

  /**
   * Takes the session one generation further, if the token is the one that may be used next. A token that was used
   * just now, and whose successor was not used yet, gets the same successor: its answer was lost. Any other token that
   * was used before ends the session.
   * @returns undefined when the session is not alive, or was ended by this
   */
  async refreshSession(
    { user_id, session_id, generation }: RefreshClaims,
    days: number,
  ): Promise<SessionState | undefined> {
    const isNext = 'sessions.generation = :generation::integer';
    const isRetry = `sessions.generation = :generation::integer + 1 AND sessions.last_used_at > now() - interval '10 seconds'`;
    const text = `
      UPDATE sessions SET
        generation = CASE WHEN ${isNext} THEN sessions.generation + 1 ELSE sessions.generation END,
        last_used_at = CASE WHEN ${isNext} THEN now() ELSE sessions.last_used_at END,
        expires_at = CASE WHEN ${isNext} THEN now() + :days::integer * interval '1 day' ELSE sessions.expires_at END,
        revoked_at = CASE WHEN ${isNext} OR ${isRetry} THEN NULL ELSE now() END
      FROM users
      WHERE sessions.user_id = :user_id AND sessions.id = :session_id AND users.id = sessions.user_id
        AND sessions.revoked_at IS NULL AND sessions.expires_at > now() AND users.is_active
      RETURNING sessions.user_id, sessions.id, sessions.generation, sessions.last_used_at, sessions.expires_at,
        ${this.userAsJson}, sessions.revoked_at`;
    return asState(await this.database.asAuthenticator(sql(text, { user_id, session_id, generation, days })));
  }
}

/** A proxy may say anything of its client, and a link-local address names an interface too: PostgreSQL takes neither. */
function deviceColumns({ user_agent, ip }: Device): { user_agent: string | null; ip: string | null } {
  const address = ip.replace(/%.*/, '');
  return { user_agent: user_agent?.slice(0, 500) ?? null, ip: isIP(address) ? address : null };
}

function asState([row]: unknown[][]): SessionState | undefined {
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
