import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

/** SQL condition for sessions that are neither revoked nor expired. */
export const sessionIsAliveSql = 'session_is_alive(sessions.revoked_at, sessions.expires_at)';

/**
 * A session: one sign-in and its refresh tokens. The tokens are not stored. They are signed and contain the id of the
 * session and their generation, so that no data in this table can be used to sign in.
 */
@Entity('sessions')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('sessions_generation_check', 'generation >= 1')
export class Session {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid', { default: () => 'new_id()' })
  id: string;

  /** The number of the current refresh token, the only valid one. */
  @Column('integer', { default: 1 })
  generation: number;

  @Column('text', { nullable: true })
  user_agent: string | null;

  @Column('inet', { nullable: true })
  ip: string | null;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** Timestamp of the sign-in or of the last refresh. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  last_used_at: Date;

  @Column('timestamp with time zone', { precision: 3 })
  expires_at: Date;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  revoked_at: Date | null;
}
