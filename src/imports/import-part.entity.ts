import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { Import } from './import.entity';

/** A part of an uploaded document, until its import has ended. */
@Entity('import_parts')
@ForeignKey(() => Import, ['user_id'], ['user_id'], { onDelete: 'CASCADE' })
export class ImportPart {
  @PrimaryColumn('uuid')
  user_id: string;

  /** From 0. */
  @PrimaryColumn('integer')
  number: number;

  @Column('bytea')
  data: Buffer;
}
