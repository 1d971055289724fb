import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { JsonText } from '../core/json-text';
import { currentUser } from '../core/request-context';
import { Database, Results, Statements } from '../database/database';
import { before, contains, either, from } from '../database/filters';
import { sql, Statement } from '../database/statement';
import { TableRepository } from '../database/table.repository';
import { fieldsOf } from '../http/views';
import { UserView } from '../users/user.dto';
import { isNotDeletedSql, User } from '../users/user.entity';
import { UserQuery } from './administration.dto';
import type { AdministrativeAction } from './administrative-act.entity';

/** The rights that a superuser grants and withdraws. */
type Rights = Partial<Pick<User, 'is_active' | 'is_superuser'>>;

/** The action that is recorded when a right is withdrawn, and when it is granted. */
const actionsOf: Record<keyof Rights, { withdraw: AdministrativeAction; grant: AdministrativeAction }> = {
  is_active: { withdraw: 'deactivate', grant: 'activate' },
  is_superuser: { withdraw: 'demote', grant: 'promote' },
};

/** SQL conditions for accounts from which a right can be withdrawn. */
const canBeWithdrawnSql: Record<keyof Rights, string> = {
  // Users cannot reactivate an account that a superuser deactivated.
  is_active: '(is_active OR can_reactivate)',
  is_superuser: 'is_superuser',
};

/** All accounts, for superusers. The database role has no rights on tasks and goals. Every action is recorded. */
@Injectable()
export class AdministrationRepository extends TableRepository<UserQuery> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: User,
      name: 'user',
      fields: fieldsOf(UserView),
      filters: {
        is_active: either('users.is_active', 'NOT users.is_active'),
        is_verified: either('users.is_verified', 'NOT users.is_verified'),
        is_superuser: either('users.is_superuser', 'NOT users.is_superuser'),
        created_from: from('users.created_at'),
        created_before: before('users.created_at'),
        last_login_from: from('users.last_login_at'),
        last_login_before: before('users.last_login_at'),
        q: contains('users.email', 'users.username', 'users.full_name'),
      },
      sorts: { created_at: 'timestamp', last_login_at: 'nullable timestamp', email: 'text' },
    });
  }

  /**
   * Deactivating an account also revokes its sessions and tokens. Activating a closed account reopens it.
   * @throws Problem 404
   */
  async setRights(id: string, { is_active, is_superuser }: Rights): Promise<JsonText> {
    if (is_active === undefined && is_superuser === undefined) return this.find(id);
    const { rows } = await this.write({
      recordActive: is_active === undefined ? undefined : recordRight(id, 'is_active', is_active),
      recordSuperuser: is_superuser === undefined ? undefined : recordRight(id, 'is_superuser', is_superuser),
      rows: this.updateStatement(id, {
        is_active,
        is_superuser,
        can_reactivate: is_active === undefined ? undefined : false,
      }),
      ...(is_active === false && revokeAllOf(id)),
    });
    return this.single(rows);
  }

  /** @throws Problem 404 */
  async revokeSessions(id: string): Promise<void> {
    const { users } = await this.write({
      users: sql(`SELECT id FROM users WHERE id = :id AND ${isNotDeletedSql}`, { id }),
      revokeSessions: revokeSessionsOf(id),
      record: recordAction('revoke_sessions', id),
    });
    this.requireRow(users);
  }

  /**
   * Closes an account. Repeating it can only bring the deletion forward.
   * @param days until the account is deleted. Until then, only superusers can reopen it.
   * @throws Problem 404
   */
  async close(id: string, days: number): Promise<void> {
    const where = `WHERE id = :id AND ${isNotDeletedSql}`;
    const deletionSql = `now() + :days::integer * interval '1 day'`;
    // The second of two simultaneous calls waits for the lock, finds a closed account, and records nothing.
    const { users } = await this.write({
      users: sql(`SELECT id FROM users ${where} FOR UPDATE`, { id }),
      record: recordAction('delete', id, days === 0 ? 'true' : 'deletion_at IS NULL'),
      close: sql(
        `UPDATE users SET is_active = false, can_reactivate = false, deletion_at = least(deletion_at, ${deletionSql}) ${where}`,
        { id, days },
      ),
      ...revokeAllOf(id),
    });
    this.requireRow(users);
  }

  /** All accounts but those whose data is being deleted. */
  protected accessConditionSql(): string {
    return isNotDeletedSql;
  }

  protected read<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.database.asAdministrator(statements);
  }

  protected write<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.database.asAdministrator(statements);
  }
}

/**
 * Records an action if the account exists and the action has an effect.
 * @param hasEffectSql SQL condition on the account
 * @param actorId null for operator commands
 */
export function recordAction(
  action: AdministrativeAction,
  userId: string,
  hasEffectSql = 'true',
  actorId: string | null = currentUser().userId,
): Statement {
  const text = `INSERT INTO administrative_acts (id, actor_id, subject_id, act)
    SELECT :act_id, :actor_id, id, :act FROM users WHERE id = :id AND ${isNotDeletedSql} AND ${hasEffectSql}`;
  return sql(text, { act_id: uuidv7(), actor_id: actorId, act: action, id: userId });
}

function recordRight(userId: string, right: keyof Rights, isGranted: boolean): Statement {
  const { grant, withdraw } = actionsOf[right];
  return isGranted
    ? recordAction(grant, userId, `NOT ${right}`)
    : recordAction(withdraw, userId, canBeWithdrawnSql[right]);
}

/** The statements that revoke all sessions and tokens of an account. */
function revokeAllOf(id: string): Record<string, Statement> {
  return {
    revokeSessions: revokeSessionsOf(id),
    deletePersonalTokens: sql('DELETE FROM personal_tokens WHERE user_id = :id', { id }),
    deleteOneTimeTokens: sql('DELETE FROM one_time_tokens WHERE user_id = :id', { id }),
  };
}

function revokeSessionsOf(userId: string): Statement {
  return sql('UPDATE sessions SET revoked_at = now() WHERE user_id = :id AND revoked_at IS NULL', {
    id: userId,
  });
}
