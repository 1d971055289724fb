import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { PageRequest } from '../core/page-request';
import { Database } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { TaskDependencyView } from './task.dto';
import { TaskDependency } from './task-dependency.entity';

/** The dependencies between the current user's tasks. */
@Exported({ name: 'dependencies', view: TaskDependencyView, description: 'All dependencies between tasks.' })
@Injectable()
export class TaskDependenciesRepository extends OwnedRepository<PageRequest> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: TaskDependency,
      name: 'task',
      fields: fieldsOf(TaskDependencyView),
      key: ['task_id', 'depends_on_id'],
      filters: {},
      sorts: {},
    });
  }

  /** @throws Problem 404 when one of the tasks is missing · Problem 409 `dependency_cycle` */
  async add(taskId: string, dependsOnId: string): Promise<void> {
    const text = `
      WITH pair AS (
        SELECT t.id, o.id AS other_id FROM tasks t JOIN tasks o ON o.user_id = t.user_id
        WHERE t.user_id = :user_id AND t.id = :task_id AND o.id = :depends_on_id
          AND t.deleted_at IS NULL AND o.deleted_at IS NULL
      ), inserted AS (
        INSERT INTO task_dependencies (user_id, task_id, depends_on_id) SELECT :user_id, id, other_id FROM pair
        ON CONFLICT DO NOTHING
      )
      SELECT id FROM pair`;
    const { rows } = await this.write({
      rows: this.sql(text, { task_id: taskId, depends_on_id: dependsOnId }),
    });
    this.requireRow(rows);
  }

  /** @throws Problem 404 when there is no such dependency */
  async remove(taskId: string, dependsOnId: string): Promise<void> {
    const text = `DELETE FROM task_dependencies
      WHERE user_id = :user_id AND task_id = :task_id AND depends_on_id = :depends_on_id RETURNING task_id`;
    const { rows } = await this.write({
      rows: this.sql(text, { task_id: taskId, depends_on_id: dependsOnId }),
    });
    this.requireRow(rows);
  }
}
