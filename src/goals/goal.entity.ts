import { Check, Column, Entity, ForeignKey, Index } from 'typeorm';
import { OwnedEntity } from '../database/owned.entity';
import { User } from '../users/user.entity';

export const goalStatuses = ['active', 'completed', 'on_hold', 'cancelled'] as const;
export const progressModes = ['computed', 'manual'] as const;
export const horizons = ['yearly', 'quarterly', 'monthly', 'weekly'] as const;

/** A goal. It can have subgoals, so that goals form trees. */
@Entity('goals')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@ForeignKey(() => Goal, ['user_id', 'parent_goal_id'], ['user_id', 'id'], { onDelete: 'SET NULL' })
@Check('goals_title_check', `length(title) <= 500 AND title ~ '[^[:space:]]'`)
@Check('goals_description_check', 'length(description) <= 20000')
@Check('goals_horizon_check', `horizon IN ('yearly', 'quarterly', 'monthly', 'weekly')`)
@Check('goals_target_date_check', `target_date >= '1900-01-01Z' AND target_date < '10000-01-01Z'`)
@Check('goals_status_check', `status IN ('active', 'completed', 'on_hold', 'cancelled')`)
@Check('goals_progress_check', 'progress BETWEEN 0 AND 100')
@Check('goals_progress_mode_check', `progress_mode IN ('computed', 'manual')`)
@Check('goals_success_criteria_check', 'length(success_criteria) <= 20000')
@Check('goals_metrics_check', `jsonb_typeof(metrics) = 'object'`)
@Check('goals_project_name_check', 'length(project_name) <= 200')
@Check('goals_completed_at_check', `(status = 'completed') = (completed_at IS NOT NULL)`)
@Check('goals_parent_goal_id_check', 'parent_goal_id <> id')
@Index('goals_newest', ['user_id', 'created_at', 'id'])
@Index('goals_by_status', ['user_id', 'status', 'created_at', 'id'])
@Index('goals_by_horizon', ['user_id', 'horizon', 'created_at', 'id'])
@Index('goals_by_parent', ['user_id', 'parent_goal_id', 'created_at', 'id'])
@Index('goals_by_target_date', { synchronize: false })
@Index('goals_trash', { synchronize: false })
export class Goal extends OwnedEntity {
  @Column('uuid', { nullable: true })
  parent_goal_id: string | null;

  @Column('text')
  title: string;

  @Column('text', { nullable: true })
  description: string | null;

  @Column('text', { nullable: true })
  horizon: (typeof horizons)[number] | null;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  target_date: Date | null;

  @Column('text', { default: 'active' })
  status: (typeof goalStatuses)[number];

  /** In percent. Computed by triggers, unless the user sets it. */
  @Column('numeric', { precision: 5, scale: 2, nullable: true })
  progress: number | null;

  @Column('text', { default: 'computed' })
  progress_mode: (typeof progressModes)[number];

  @Column('text', { nullable: true })
  success_criteria: string | null;

  @Column('jsonb', { nullable: true })
  metrics: Record<string, unknown> | null;

  @Column('text', { nullable: true })
  project_name: string | null;

  /** Set by a trigger when the status becomes completed. */
  @Column('timestamp with time zone', { precision: 3, nullable: true })
  completed_at: Date | null;

  /** Timestamp of the move to the trash; null for goals outside the trash. */
  @Column('timestamp with time zone', { precision: 3, nullable: true })
  deleted_at: Date | null;
}
