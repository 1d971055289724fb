import { Check, Column, Entity, ForeignKey, Index } from 'typeorm';
import { OwnedEntity } from '../database/owned.entity';
import { Task } from '../tasks/task.entity';
import { User } from '../users/user.entity';

/** A period of work on a task. An entry without an end is a running timer. */
@Entity('time_entries')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@ForeignKey(() => Task, ['user_id', 'task_id'], ['user_id', 'id'], { onDelete: 'CASCADE' })
@Check('time_entries_started_at_check', `started_at >= '1900-01-01Z' AND started_at < '10000-01-01Z'`)
@Check('time_entries_ended_at_check', `ended_at >= started_at AND ended_at < '10000-01-01Z'`)
@Check('time_entries_note_check', 'length(note) <= 500')
@Index('time_entries_by_task', ['user_id', 'task_id', 'started_at', 'id'])
@Index('time_entries_by_start', ['user_id', 'started_at', 'id'])
@Index('time_entries_running_key', ['user_id'], { unique: true, where: 'ended_at IS NULL' })
export class TimeEntry extends OwnedEntity {
  @Column('uuid')
  task_id: string;

  @Column('timestamp with time zone', { precision: 3 })
  started_at: Date;

  @Column('timestamp with time zone', { precision: 3, nullable: true })
  ended_at: Date | null;

  @Column('text', { nullable: true })
  note: string | null;
}
