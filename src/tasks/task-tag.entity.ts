import { Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Task } from './task.entity';
import { Tag } from '../tags/tag.entity';

/** That a task has a tag. The task has the names too: see `tasks.tags`. */
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
