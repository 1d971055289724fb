import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { anyOf, before, flag, from, rowFilters } from '../database/filters';
import { Expression, OwnedRepository } from '../database/owned.repository';
import { absentLast } from '../database/page';
import { JsonText } from '../http/json-text';
import { TaskQuery, TaskView } from './task.dto';
import { Task } from './task.entity';

const dueOrLast = absentLast('tasks.due_date');

@Injectable()
export class TasksRepository extends OwnedRepository<TaskQuery> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Task,
      name: 'task',
      view: TaskView,
      derived: { completed: `tasks.status = 'completed'` },
      live: 'tasks.deleted_at IS NULL',
      filters: {
        status: anyOf('tasks.status'),
        completed: flag(`tasks.status = 'completed'`, `tasks.status <> 'completed'`),
        priority: anyOf('tasks.priority'),
        category: anyOf('tasks.category'),
        goal_id: anyOf('tasks.goal_id'),
        parent_task_id: anyOf('tasks.parent_task_id'),
        project_name: anyOf('tasks.project_name'),
        due_date: () => ({ sql: 'tasks.due_date IS NULL' }),
        due_from: from('tasks.due_date', dueOrLast),
        due_before: before('tasks.due_date', dueOrLast),
        ...rowFilters('tasks'),
        trashed: flag('tasks.deleted_at IS NOT NULL', 'tasks.deleted_at IS NULL'),
      },
      sorts: {
        created_at: 'moment',
        updated_at: 'moment',
        due_date: 'moment or none',
        priority: 'integer',
        title: 'text',
        status: 'text',
        completed_at: 'moment or none',
        deleted_at: 'moment or none',
      },
    });
  }

  /** Moves it to the trash. @throws Problem 404 */
  async trash(id: string): Promise<void> {
    await this.update(id, { deleted_at: new Expression('now()') });
  }

  /** Takes it out of the trash. @throws Problem 404 for one that is not there */
  restore(id: string): Promise<JsonText> {
    return this.update(id, { deleted_at: null }, 'tasks.deleted_at IS NOT NULL');
  }
}
