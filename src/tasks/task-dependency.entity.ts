import { Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Task } from './task.entity';

/** A dependency: the task cannot be completed while the other task is open. A trigger refuses cycles. */
@Entity('task_dependencies')
@ForeignKey(() => Task, ['user_id', 'task_id'], ['user_id', 'id'], { onDelete: 'CASCADE' })
@ForeignKey(() => Task, ['user_id', 'depends_on_id'], ['user_id', 'id'], { onDelete: 'CASCADE' })
@Index('task_dependencies_by_other', ['user_id', 'depends_on_id', 'task_id'])
export class TaskDependency {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid')
  task_id: string;

  @PrimaryColumn('uuid')
  depends_on_id: string;
}
