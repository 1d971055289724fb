import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

export const importedEntities = ['goal', 'task', 'tag'] as const;
export type ImportedEntity = (typeof importedEntities)[number];

/**
 * Where an imported row came from, so that importing the same source again creates nothing twice. It outlives the row: a
 * row that was deleted in Cairn is not created again.
 */
@Entity('imported_rows')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('imported_rows_entity_check', `entity IN ('goal', 'task', 'tag')`)
@Check('imported_rows_source_key_check', 'length(source_key) <= 200')
export class ImportedRow {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('text')
  entity: ImportedEntity;

  /** Identifies the row in its source. */
  @PrimaryColumn('text')
  source_key: string;

  /** The id of the row in Cairn. */
  @Column('uuid')
  row_id: string;

  /** SHA-256 of the row in its source: whether it has changed there. */
  @Column('bytea')
  source_hash: Buffer;

  /** SHA-256 of the row as it was imported: whether a user has changed it in Cairn. */
  @Column('bytea')
  row_hash: Buffer;
}
