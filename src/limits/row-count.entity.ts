import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

/** The number of rows that a user has in a table, or more: deletions are not counted. Maintained by a trigger. */
@Entity('row_counts')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
export class RowCount {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('text')
  table_name: string;

  @Column('integer')
  count: number;
}
