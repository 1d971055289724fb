import { Check, Column, Entity, ForeignKey, Index } from 'typeorm';
import { OwnedEntity } from '../database/owned.entity';
import { User } from '../users/user.entity';

/** A tag, which can be assigned to tasks. */
@Entity('tags')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('tags_name_check', `length(name) <= 50 AND name ~ '[^[:space:]]'`)
@Check('tags_color_check', `color ~ '^#[0-9a-f]{6}$'`)
@Index('tags_name_key', { synchronize: false })
export class Tag extends OwnedEntity {
  /** Unique per user, ignoring case. */
  @Column('text')
  name: string;

  @Column('text', { nullable: true })
  color: string | null;
}
