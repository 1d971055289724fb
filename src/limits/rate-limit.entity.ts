import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How much of a limit somebody has used. */
@Entity('rate_limits')
export class RateLimit {
  /** The limit's name, and a hash of whom it is about. */
  @PrimaryColumn('text')
  key: string;

  @Column('integer')
  hits: number;

  /** Until then, it refuses. */
  @Column('timestamp with time zone', { precision: 3 })
  free_at: Date;

  /** Then it is forgotten. */
  @Column('timestamp with time zone', { precision: 3 })
  resets_at: Date;
}
