import { Check, Column, Entity, ForeignKey, Index } from 'typeorm';
import { OwnedEntity } from '../database/owned.entity';
import { Goal } from '../goals/goal.entity';
import { User } from '../users/user.entity';

export const taskStatuses = ['pending', 'in_progress', 'blocked', 'completed', 'cancelled'] as const;

/** A task. It can belong to a goal and to a parent task. */
@Entity('tasks')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@ForeignKey(() => Goal, ['user_id', 'goal_id'], ['user_id', 'id'], { onDelete: 'SET NULL' })
@ForeignKey(() => Task, ['user_id', 'parent_task_id'], ['user_id', 'id'], { onDelete: 'CASCADE' })
@Check('tasks_title_check', `length(title) <= 500 AND title ~ '[^[:space:]]'`)
@Check('tasks_description_check', 'length(description) <= 20000')
@Check('tasks_notes_check', 'length(notes) <= 20000')
@Check('tasks_status_check', `status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')`)
@Check('tasks_priority_check', 'priority BETWEEN 1 AND 5')
@Check('tasks_category_check', 'length(category) <= 100')
@Check('tasks_due_date_check', `due_date >= '1900-01-01Z' AND due_date < '10000-01-01Z'`)
@Check('tasks_estimated_hours_check', 'estimated_hours BETWEEN 0 AND 100000')
@Check('tasks_actual_hours_check', 'actual_hours BETWEEN 0 AND 100000')
@Check('tasks_project_name_check', 'length(project_name) <= 200')
@Check('tasks_repository_path_check', 'length(repository_path) <= 500')
@Check('tasks_completed_at_check', `(status = 'completed') = (completed_at IS NOT NULL)`)
@Check('tasks_parent_task_id_check', 'parent_task_id <> id')
@Index('tasks_newest', ['user_id', 'created_at', 'id'], { where: 'deleted_at IS NULL' })
@Index('tasks_by_status', ['user_id', 'status', 'created_at', 'id'], { where: 'deleted_at IS NULL' })
@Index('tasks_by_category', ['user_id', 'category', 'created_at', 'id'], { where: 'deleted_at IS NULL' })
@Index('tasks_by_completion', ['user_id', 'completed_at'], {
  where: 'deleted_at IS NULL AND completed_at IS NOT NULL',
})
@Index('tasks_by_goal', ['user_id', 'goal_id', 'status', 'created_at', 'id'])
@Index('tasks_by_parent', ['user_id', 'parent_task_id', 'created_at', 'id'])
@Index('tasks_by_due_date', { synchronize: false })
@Index('tasks_trash', { synchronize: false })
export class Task extends OwnedEntity {
  @Column('uuid', { nullable: true })
  goal_id: string | null;

  @Column('uuid', { nullable: true })
  parent_task_id: string | null;

  @Column('text')
  title: string;

  @Column('text', { nullable: true })
  description: string | null;

  @Column('text', { nullable: true })
  notes: string | null;

  @Column('text', { default: 'pending' })
  status: (typeof taskStatuses)[number];

  /** 1 is the highest. */
  @Column('smallint', { default: 3 })
  priority: number;

  @Column('text', { nullable: true })
  category: string | null;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  due_date: Date | null;

  @Column('numeric', { precision: 8, scale: 2, nullable: true })
  estimated_hours: number | null;

  @Column('numeric', { precision: 8, scale: 2, nullable: true })
  actual_hours: number | null;

  @Column('text', { nullable: true })
  project_name: string | null;

  @Column('text', { nullable: true })
  repository_path: string | null;

  /** The names of the tags in alphabetical order. A copy, so that lists need no join with `task_tags`. */
  @Column('text', { array: true, default: () => "'{}'" })
  tags: string[];

  /** Set by a trigger when the status becomes completed. */
  @Column('timestamp with time zone', { precision: 3, nullable: true })
  completed_at: Date | null;

  /** Timestamp of the move to the trash; null for tasks outside the trash. */
  @Column('timestamp with time zone', { precision: 3, nullable: true })
  deleted_at: Date | null;
}
