import { Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Task } from './task.entity';
import { Tag } from '../tags/tag.entity';

/** The assignment of a tag to a task. `tasks.tags` contains a copy of the names. */
@Entity('task_tags')
@ForeignKey(() => Task, ['user_id', 'task_id'], ['user_id', 'id'], { onDelete: 'CASCADE' })
@ForeignKey(() => Tag, ['user_id', 'tag_id'], ['user_id', 'id'], { onDelete: 'CASCADE' })
@Index('task_tags_by_tag', ['user_id', 'tag_id', 'task_id'])
export class TaskTag {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid')
  task_id: string;

  @PrimaryColumn('uuid')
  tag_id: string;
}
