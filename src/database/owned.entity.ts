import { Column, PrimaryColumn } from 'typeorm';

/**
 * What every owned row has. The key begins with the owner, and so does every foreign key between owned rows:
 * a link across owners cannot be stored.
 */
export abstract class OwnedEntity {
  @PrimaryColumn('uuid')
  user_id: string;

  /** UUID version 7: ordered by time, and not guessable. */
  @PrimaryColumn('uuid')
  id: string;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** Kept by a trigger: the time of the last visible change. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  updated_at: Date;

  /** Kept by a trigger: 1 for a new row, one more for each visible change. */
  @Column('integer', { default: 1 })
  version: number;
}
