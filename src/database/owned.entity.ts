import { Column, PrimaryColumn } from 'typeorm';

/**
 * The columns of every owned row. The primary key starts with the owner, and so does every foreign key between owned
 * rows, so that a reference to another user's row cannot be stored.
 */
export abstract class OwnedEntity {
  @PrimaryColumn('uuid')
  user_id: string;

  /** UUID version 7: ordered by creation time and not guessable. */
  @PrimaryColumn('uuid', { default: () => 'new_id()' })
  id: string;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** Set by a trigger when the row is updated. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  updated_at: Date;

  /** Incremented by a trigger when the row is updated. */
  @Column('integer', { default: 1 })
  version: number;
}
