import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Database, Row } from '../database/database';
import { before, contains, flag, from } from '../database/filters';
import { sql, Statement } from '../database/statement';
import { TableRepository } from '../database/table.repository';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { UserView } from '../users/user.dto';
import { User } from '../users/user.entity';
import { UserQuery } from './administration.dto';
import type { Act } from './administrative-act.entity';

const [endSessions, endTokens, endMailedTokens] = [
  'UPDATE sessions SET revoked_at = now() WHERE user_id = :id AND revoked_at IS NULL',
  'DELETE FROM personal_tokens WHERE user_id = :id',
  'DELETE FROM one_time_tokens WHERE user_id = :id',
];

/** What a superuser gives and takes. */
export type Rights = Partial<Pick<User, 'is_active' | 'is_superuser'>>;

/** All accounts, for superusers alone: by a role that has no right on tasks and goals. Each act is recorded with it. */
@Injectable()
export class AdministrationRepository extends TableRepository<UserQuery> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: User,
      name: 'user',
      view: UserView,
      filters: {
        is_active: flag('users.is_active', 'NOT users.is_active'),
        is_verified: flag('users.is_verified', 'NOT users.is_verified'),
        is_superuser: flag('users.is_superuser', 'NOT users.is_superuser'),
        created_from: from('users.created_at'),
        created_before: before('users.created_at'),
        last_login_from: from('users.last_login_at'),
        last_login_before: before('users.last_login_at'),
        q: contains('users.email', 'users.username', 'users.full_name'),
      },
      sorts: { created_at: 'moment', last_login_at: 'moment or none', email: 'text' },
    });
  }

  /** Where a user may act no more, all sessions and tokens end. @throws Problem 404 */
  async setRights(id: string, { is_active, is_superuser }: Rights): Promise<JsonText> {
    const values = { id, is_active, is_superuser };
    const changes = (['is_active', 'is_superuser'] as const).filter((right) => values[right] !== undefined);
    if (changes.length === 0) return this.find(id);
    const columns = changes.map((right) => `${right} = :${right}`);
    const ends = is_active === false ? [endSessions, endTokens, endMailedTokens] : [];
    const results = await this.database.asAdministrator(
      ...changes.map((right) =>
        record(actOf[right][Number(values[right])]!, id, `${right} <> ${values[right]}`),
      ),
      sql(`UPDATE users SET ${columns.join(', ')} WHERE id = :id RETURNING ${this.json}`, values),
      ...ends.map((text) => sql(text, { id })),
    );
    return this.one(results[changes.length]!);
  }

  /** @throws Problem 404 */
  async revokeSessions(id: string): Promise<void> {
    const [rows = []] = await this.database.asAdministrator(
      sql('SELECT id FROM users WHERE id = :id', { id }),
      sql(endSessions, { id }),
      record('revoke_sessions', id),
    );
    this.one(rows);
  }

  /** The account, and everything that belongs to it, for ever. @throws Problem 404 */
  override async remove(id: string): Promise<void> {
    // Whoever comes second waits here, finds nothing, and has nothing recorded.
    const [rows = []] = await this.database.asAdministrator(
      sql('SELECT id FROM users WHERE id = :id FOR UPDATE', { id }),
      record('delete', id),
      sql('DELETE FROM users WHERE id = :id', { id }),
    );
    this.one(rows);
  }

  protected reach(): string {
    return 'true';
  }

  protected read(...statements: Statement[]): Promise<Row[][]> {
    return this.database.asAdministrator(...statements);
  }

  protected write(...statements: Statement[]): Promise<Row[][]> {
    return this.database.asAdministrator(...statements);
  }
}

/** What it is called to take a right, and to give it. */
const actOf: Record<keyof Rights, [Act, Act]> = {
  is_active: ['deactivate', 'activate'],
  is_superuser: ['demote', 'promote'],
};

/**
 * The record of an act, where there is such an account, and the act changes something.
 * @param condition SQL, of our own
 * @param actor_id null for the command line
 */
export function record(
  act: Act,
  id: string,
  condition = 'true',
  actor_id: string | null = currentUser().user_id,
): Statement {
  const text = `INSERT INTO administrative_acts (id, actor_id, subject_id, act)
    SELECT :act_id, :actor_id, id, :act FROM users WHERE id = :id AND ${condition}`;
  return sql(text, { act_id: uuidv7(), actor_id, act, id });
}
