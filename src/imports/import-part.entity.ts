import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';
import { Import } from './import.entity';

/** A part of an uploaded document, until its import has ended. */
@Entity('import_parts')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@ForeignKey(() => Import, ['user_id', 'import_id'], ['user_id', 'id'], { onDelete: 'CASCADE' })
export class ImportPart {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid')
  import_id: string;

  /** From 0. */
  @PrimaryColumn('integer')
  number: number;

  @Column('bytea')
  data: Buffer;
}
