import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The usage of a rate limit by one user, account, network or session. */
@Entity('rate_limits')
export class RateLimit {
  /** Name of the limit and hash of its subject. */
  @PrimaryColumn('text')
  key: string;

  @Column('integer')
  hits: number;

  /** Hits are refused until this timestamp. */
  @Column('timestamp with time zone', { precision: 3 })
  free_at: Date;

  /** The count is reset at this timestamp. */
  @Column('timestamp with time zone', { precision: 3 })
  resets_at: Date;
}
