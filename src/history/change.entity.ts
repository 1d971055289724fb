import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

export const operations = ['create', 'update', 'delete'] as const;

/** A change of a task or goal by one statement. Inserted by a trigger and never updated. */
@Entity('changes')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('changes_entity_check', `entity ~ '^[a-z_]{1,50}$'`)
@Check('changes_operation_check', `operation IN ('create', 'update', 'delete')`)
@Index('changes_by_entity', ['user_id', 'entity_id', 'id'])
export class Change {
  @PrimaryColumn('uuid')
  user_id: string;

  /** A number per user, in the order in which the changes were committed. */
  @PrimaryColumn('bigint')
  id: string;

  @Column('text')
  entity: string;

  @Column('uuid')
  entity_id: string;

  /** Version of the task or goal after the change. */
  @Column('integer')
  version: number;

  @Column('text')
  operation: (typeof operations)[number];

  /** Old and new values by column name. */
  @Column('jsonb')
  fields: Record<string, { old: unknown; new: unknown }>;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  changed_at: Date;

  /** Whether the change happened before its row was imported from another system. */
  @Column('boolean', { default: false })
  is_imported: boolean;
}
