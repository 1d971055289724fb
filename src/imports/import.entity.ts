import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

export const importStatuses = ['uploading', 'waiting', 'running', 'completed', 'failed'] as const;

/** The last import of a document by a user. */
@Entity('imports')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('imports_status_check', `status IN ('uploading', 'waiting', 'running', 'completed', 'failed')`)
@Index('imports_unfinished_key', ['user_id'], {
  unique: true,
  where: `status IN ('uploading', 'waiting', 'running')`,
})
export class Import {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid', { default: () => 'new_id()' })
  id: string;

  @Column('text', { default: 'uploading' })
  status: (typeof importStatuses)[number];

  /** Whether everything is rolled back at the end. */
  @Column('boolean', { default: false })
  validate_only: boolean;

  /** The size of the document. */
  @Column('bigint', { default: 0 })
  bytes: number;

  /** What is being done, and how much of it. */
  @Column('text', { nullable: true })
  step: string | null;

  @Column('bigint', { default: 0 })
  done: number;

  @Column('bigint', { default: 0 })
  total: number;

  /** How many times an instance began to run it. */
  @Column('integer', { default: 0 })
  attempts: number;

  /** The numbers of created and existing items. */
  @Column('jsonb', { nullable: true })
  counts: object | null;

  /** Why it failed. */
  @Column('jsonb', { nullable: true })
  error: object | null;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  /** When an instance last worked on it. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  active_at: Date;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  finished_at: Date | null;
}
