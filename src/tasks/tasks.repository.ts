import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { JsonPage, JsonText } from '../core/json-text';
import { Database } from '../database/database';
import { anyOf, before, commonFilters, either, from, isAbsent } from '../database/filters';
import { nullsLastSql } from '../database/keyset';
import { relevanceSql } from '../database/search';
import { countsByOccurringValueSql, countsBySql } from '../database/row-json';
import type { Statement } from '../database/statement';
import type { JsonRow } from '../database/statement-builder';
import { ColumnValues, isEmpty } from '../database/table.repository';
import { clearFlag, flagSql, setFlag, setFlagSql } from '../database/transaction-flags';
import { TrashRepository } from '../database/trash.repository';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { TagsRepository } from '../tags/tags.repository';
import {
  hasAllTags,
  hasAnyTag,
  isBlockedSql,
  isDependencyOf,
  isNotTrashedSql,
  moveToTrashSql,
  subtreeSql,
} from './task-sql';
import { TaskQuery } from './task-query.dto';
import { TaskView } from './task.dto';
import { relinkSql, trashTimestampSql } from './trash-sql';
import { Task, taskStatuses } from './task.entity';

const dueDateNullsLastSql = nullsLastSql('tasks.due_date');
const isThisTaskSql = 'tasks.id = :id';

/** SQL of the timestamp at which the goal `:goal_id` was moved to the trash; null if it is not there. */
const trashedGoalSql = '(SELECT g.deleted_at FROM goals g WHERE g.user_id = :user_id AND g.id = :goal_id)';

@Exported({ name: 'tasks', view: TaskView, description: 'All tasks, including those in the trash.' })
@Injectable()
export class TasksRepository extends TrashRepository<TaskQuery & { dependency_of?: string }> {
  constructor(
    database: Database,
    @InjectDataSource() dataSource: DataSource,
    private readonly tags: TagsRepository,
  ) {
    super(database, dataSource, {
      entity: Task,
      name: 'task',
      fields: fieldsOf(TaskView),
      derived: {
        completed: `tasks.status = 'completed'`,
        is_blocked: isBlockedSql,
        relevance: relevanceSql('tasks'),
      },
      isReachableSql: isNotTrashedSql,
      filters: {
        status: anyOf('tasks.status'),
        completed: either(`tasks.status = 'completed'`, `tasks.status <> 'completed'`),
        priority: anyOf('tasks.priority'),
        category: anyOf('tasks.category'),
        goal_id: anyOf('tasks.goal_id'),
        parent_task_id: anyOf('tasks.parent_task_id'),
        project_name: anyOf('tasks.project_name'),
        due_date: isAbsent('tasks.due_date'),
        due_from: from('tasks.due_date', dueDateNullsLastSql),
        due_before: before('tasks.due_date', dueDateNullsLastSql),
        ...commonFilters('tasks'),
        dependency_of: isDependencyOf,
        tag: hasAnyTag,
        tag_all: hasAllTags,
        is_blocked: either(isBlockedSql, `NOT ${isBlockedSql}`),
        trashed: either('tasks.deleted_at IS NOT NULL', isNotTrashedSql),
      },
      sorts: {
        created_at: 'timestamp',
        updated_at: 'timestamp',
        due_date: 'nullable timestamp',
        priority: 'integer',
        title: 'text',
        status: 'text',
        completed_at: 'nullable timestamp',
        deleted_at: 'nullable timestamp',
        relevance: 'integer',
      },
    });
  }

  /**
   * Also creates tags that do not exist.
   * @throws Problem 404 if the goal or the parent task is missing · Problem 409 `id_taken`
   */
  override async insert({ tags, ...values }: ColumnValues): Promise<JsonText> {
    if (!isNameList(tags) || tags.length === 0) return super.insert(values);
    const id = typeof values.id === 'string' ? values.id : uuidv7();
    const { rows } = await this.write({
      createTags: this.tags.createMissing(tags),
      rows: this.insertStatement({ ...values, id, tags: this.tags.namesAsStored(tags) }),
      linkTags: this.tags.link(id, tags),
    });
    return this.single(rows);
  }

  /**
   * @param force completes the task even if it depends on an open task
   * @throws Problem 404 for the task, or for a row that the new values refer to · Problem 409 `dependency_open`
   */
  async updateTask(id: string, { tags, ...values }: ColumnValues, force: boolean): Promise<JsonText> {
    if (isEmpty({ tags, ...values })) return this.find(id);
    const names = isNameList(tags) ? tags : undefined;
    const newValues = names ? { ...values, tags: this.tags.namesAsStored(names) } : values;
    const { rows } = await this.write({
      setFlag: force ? setFlag('ignore_open_dependencies', 'true') : undefined,
      createTags: names && this.tags.createMissing(names, id),
      rows: this.updateStatement(id, newValues),
      unlinkTags: names && this.tags.unlinkOthers(id, names),
      linkTags: names && this.tags.link(id, names),
      clearFlag: force ? clearFlag('ignore_open_dependencies') : undefined,
    });
    return this.single(rows);
  }

  /** Moves a task to the trash, with all its subtasks. @throws Problem 404 */
  async moveToTrash(id: string): Promise<void> {
    const { rows } = await this.write({ rows: this.sql(moveToTrashSql(isThisTaskSql), { id }) });
    this.requireRow(rows);
  }

  /**
   * Moves the tasks of a goal to the trash, with all their subtasks, and unlinks them from the goal. If the goal is already
   * in the trash, they belong to the same operation.
   */
  moveTasksOfGoalToTrash(goalId: string): Statement {
    const unlinkSql = ', goal_id = nullif(goal_id, :goal_id)';
    const timestampSql = `coalesce(${trashedGoalSql}, ${trashTimestampSql})`;
    return this.sql(moveToTrashSql('tasks.goal_id = :goal_id', unlinkSql, timestampSql), { goal_id: goalId });
  }

  /**
   * Restores the tasks that were moved to the trash together with a goal, unless their parent was moved there by another
   * operation. Does nothing if the goal is not in the trash.
   */
  restoreTasksOfGoal(goalId: string): Statement {
    const isOfOperationSql = `tasks.deleted_at = ${trashedGoalSql}`;
    const hasTrashedParentSql = `EXISTS (SELECT FROM tasks p
      WHERE p.user_id = :user_id AND p.id = tasks.parent_task_id AND p.deleted_at IS NOT NULL)`;
    const text = `${subtreeSql(`${isOfOperationSql} AND NOT ${hasTrashedParentSql}`, isOfOperationSql)}
      UPDATE tasks SET deleted_at = NULL FROM subtree WHERE tasks.user_id = :user_id AND tasks.id = subtree.id`;
    return this.sql(text, { goal_id: goalId });
  }

  /** Links the tasks again that a goal had when it was moved to the trash. */
  relinkTasksOfGoal(goalId: string): Statement {
    return this.sql(relinkSql('tasks', 'goal_id', 'task'), { id: goalId });
  }

  unlinkTasksOfGoal(goalId: string): Statement {
    return this.sql('UPDATE tasks SET goal_id = NULL WHERE user_id = :user_id AND goal_id = :goal_id', {
      goal_id: goalId,
    });
  }

  /**
   * Deletes a task permanently, with all its subtasks. They are moved to the trash first, so that the progress of their
   * goals is computed once. @throws Problem 404
   */
  override async delete(id: string): Promise<void> {
    const text = `${subtreeSql(isThisTaskSql, 'true')}
      DELETE FROM tasks USING subtree WHERE tasks.user_id = :user_id AND tasks.id = subtree.id RETURNING tasks.id`;
    const { rows } = await this.write({
      moveToTrash: this.sql(moveToTrashSql(isThisTaskSql), { id }),
      rows: this.sql(text, { id }),
    });
    this.requireRow(rows);
  }

  /**
   * Restores a task from the trash, with the subtasks that were moved there by the same operation.
   * @throws Problem 404 for a task that is not in the trash · Problem 409 if its parent is in the trash
   */
  async restore(id: string): Promise<JsonText> {
    const setFlagsSql = `SELECT ${setFlagSql('trashed_at', 'deleted_at::text')}, ${setFlagSql('restored_task_id', 'id::text')}
      FROM tasks WHERE user_id = :user_id AND id = :id AND deleted_at IS NOT NULL`;
    const isFromSameOperationSql = `tasks.deleted_at = ${flagSql('trashed_at')}::timestamptz`;
    const restoreSql = `${subtreeSql(isThisTaskSql, isFromSameOperationSql)}
      UPDATE tasks SET deleted_at = NULL FROM subtree
      WHERE tasks.user_id = :user_id AND tasks.id = subtree.id AND tasks.deleted_at IS NOT NULL RETURNING tasks.id`;
    const { restored, rows } = await this.write({
      setFlags: this.sql(setFlagsSql, { id }),
      restored: this.sql(restoreSql, { id }),
      rows: this.selection(id),
      clearTaskFlag: clearFlag('restored_task_id'),
      clearTimestampFlag: clearFlag('trashed_at'),
    });
    this.requireRow(restored);
    return this.single(rows);
  }

  /** The direct subtasks. @throws Problem 404 when the task is missing */
  subtasksOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.pageOfParent(this, id, { ...query, parent_task_id: [id] });
  }

  /** The tasks that a task depends on. @throws Problem 404 when the task is missing */
  dependenciesOf(id: string, query: TaskQuery): Promise<JsonPage> {
    return this.pageOfParent(this, id, { ...query, dependency_of: id });
  }

  /** Counts of the tasks that are not in the trash. */
  async summary(): Promise<JsonText> {
    const text = `
      WITH listed AS (
        SELECT status, priority, category, due_date, deleted_at FROM tasks WHERE user_id = :user_id AND deleted_at IS NULL
      )
      SELECT json_build_object(
        'total', (SELECT count(*) FROM listed),
        'by_status', ${countsBySql('listed', 'status', `unnest(:statuses::text[])`)},
        'by_priority', ${countsBySql('listed', 'priority', 'generate_series(1, 5)')},
        'by_category', ${countsByOccurringValueSql('listed', 'category')},
        'overdue', (SELECT count(*) FROM listed WHERE due_date < now() AND task_is_open(status, deleted_at))
      )::text AS json`;
    const { rows } = await this.read({ rows: this.sql<JsonRow>(text, { statuses: taskStatuses }) });
    return this.single(rows);
  }
}

function isNameList(tags: unknown): tags is string[] {
  return Array.isArray(tags);
}
