import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

/** The condition for a session that serves. */
export const isAlive = 'sessions.revoked_at IS NULL AND sessions.expires_at > now()';

/**
 * One login, and the family of refresh tokens that grew from it. The tokens themselves are not here: each is signed
 * over the session and its generation, so nothing in this table can be replayed.
 */
@Entity('sessions')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('sessions_generation_check', 'generation >= 1')
export class Session {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid')
  id: string;

  /** The number of the only refresh token that may be used next. */
  @Column('integer', { default: 1 })
  generation: number;

  @Column('text', { nullable: true })
  user_agent: string | null;

  @Column('inet', { nullable: true })
  ip: string | null;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** The time of the login or of the last refresh. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  last_used_at: Date;

  @Column('timestamp with time zone', { precision: 3 })
  expires_at: Date;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  revoked_at: Date | null;
}
