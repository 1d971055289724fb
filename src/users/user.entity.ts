import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** SQL condition for users who can sign in: signing in reactivates an account that its user deactivated. */
export const canSignInSql = '(users.is_active OR users.can_reactivate AND users.deletion_at IS NULL)';

/** SQL condition for accounts that exist for superusers: the data of other accounts is being deleted. */
export const isNotDeletedSql = 'coalesce(users.deletion_at > now(), true)';

/** SQL condition for closed accounts that their users can reopen with a mailed token. */
export const canReopenSql = '(users.can_reactivate AND users.deletion_at > now())';

/**
 * A user account. All owned rows refer to it.
 *
 * An account that is not active was deactivated by a superuser or by its user, or it is closed: its deletion is scheduled.
 */
@Entity('users')
@Check('users_email_check', `length(email) <= 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'`)
@Check('users_username_check', `username ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'`)
@Check('users_full_name_check', `length(full_name) <= 200`)
@Check('users_deactivated_at_check', `is_active = (deactivated_at IS NULL)`)
@Check('users_deletion_at_check', `NOT is_active OR deletion_at IS NULL`)
@Check('users_can_reactivate_check', `NOT (is_active AND can_reactivate)`)
@Check('users_password_hash_check', `password_hash LIKE '$argon2id$%' OR password_hash ~ '^\\$2[ab]\\$'`)
@Index('users_newest', ['created_at', 'id'])
@Index('users_email_key', { synchronize: false })
@Index('users_username_key', { synchronize: false })
export class User {
  @PrimaryColumn('uuid', { default: () => 'new_id()' })
  id: string;

  /** Unique, ignoring case. */
  @Column('text')
  email: string;

  /** Unique, ignoring case. */
  @Column('text', { nullable: true })
  username: string | null;

  @Column('text', { nullable: true })
  full_name: string | null;

  /** Of argon2id, or of bcrypt for an imported account that has not signed in yet. */
  @Column('text')
  password_hash: string;

  @Column('boolean', { default: true })
  is_active: boolean;

  /** Set by a trigger when is_active becomes false. */
  @Column('timestamp with time zone', { precision: 3, nullable: true })
  deactivated_at: Date | null;

  /** Whether the user, not only a superuser, can reactivate the account. */
  @Column('boolean', { default: false })
  can_reactivate: boolean;

  /** When a closed account is deleted. From then on, nobody can reopen it. */
  @Column('timestamp with time zone', { precision: 3, nullable: true })
  deletion_at: Date | null;

  @Column('boolean', { default: false })
  is_verified: boolean;

  @Column('boolean', { default: false })
  is_superuser: boolean;

  /** IANA name. A trigger checks that PostgreSQL knows it. */
  @Column('text', { default: 'UTC' })
  timezone: string;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  last_login_at: Date | null;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  email_verified_at: Date | null;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  updated_at: Date;
}
