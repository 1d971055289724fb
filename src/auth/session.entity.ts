import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

/** The condition for a session that can be used. */
export const sessionIsAliveSql = 'session_is_alive(sessions.revoked_at, sessions.expires_at)';

/**
 * One sign-in, and the refresh tokens that followed from it. The tokens are not stored: each is signed over the session
 * and its generation, so that nothing in this table can be replayed.
 */
@Entity('sessions')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('sessions_generation_check', 'generation >= 1')
export class Session {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid')
  id: string;

  /** The number of the only refresh token that is valid. */
  @Column('integer', { default: 1 })
  generation: number;

  @Column('text', { nullable: true })
  user_agent: string | null;

  @Column('inet', { nullable: true })
  ip: string | null;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** The time of the sign-in or of the last refresh. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  last_used_at: Date;

  @Column('timestamp with time zone', { precision: 3 })
  expires_at: Date;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  revoked_at: Date | null;
}
