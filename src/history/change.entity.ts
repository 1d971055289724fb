import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

export const operations = ['create', 'update', 'delete'] as const;

/** What one statement changed in a task or a goal. Written by a trigger; never changed. */
@Entity('changes')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('changes_entity_check', `entity ~ '^[a-z_]{1,50}$'`)
@Check('changes_operation_check', `operation IN ('create', 'update', 'delete')`)
@Index('changes_by_entity', ['user_id', 'entity_id', 'id'])
export class Change {
  @PrimaryColumn('uuid')
  user_id: string;

  /** Numbers the user's changes in the order in which they were committed, each transaction seeing all before it. */
  @PrimaryColumn('bigint')
  id: string;

  @Column('text')
  entity: string;

  @Column('uuid')
  entity_id: string;

  /** The one that the change made. */
  @Column('integer')
  version: number;

  @Column('text')
  operation: (typeof operations)[number];

  /** By the names of the columns: `{"old": …, "new": …}`. */
  @Column('jsonb')
  fields: Record<string, { old: unknown; new: unknown }>;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  changed_at: Date;
}
