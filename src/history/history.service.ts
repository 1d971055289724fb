import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import type { Problem } from '../core/problem';
import { Database } from '../database/database';
import { TasksRepository } from '../tasks/tasks.repository';
import { ChangesRepository } from './changes.repository';
import { changedSince, nothingToUndo, taskTrashed } from './history.problems';

/** SQL condition for all tasks, including those in the trash. */
const isAnyTaskSql = 'true';

/** Undoes changes of tasks. */
@Injectable()
export class HistoryService {
  constructor(
    private readonly changes: ChangesRepository,
    private readonly tasks: TasksRepository,
    private readonly database: Database,
  ) {}

  /**
   * Undoes the last change of a task, with the same rules as any other change. A second undo reapplies the change.
   * @param force completes the task even if it depends on an open task
   * @param version the version that the client expects the task to have
   * @throws Problem 404 · Problem 409 `changed_since` if the task has another version, `nothing_to_undo`, `trashed` if the
   * task was updated while it was in the trash
   */
  undo(id: string, force: boolean, version?: number): Promise<JsonText> {
    return this.database.writeTransaction(async () => {
      const task = stateOf(await this.tasks.find(id, isAnyTaskSql));
      const last = await this.changes.lastOfTask(id);
      if (version !== undefined && version !== task.version) throw changedTo(task.version);
      if (last?.operation !== 'update') throw nothingToUndo.create();
      // The version is also incremented when a tag of the task is renamed, which is not a change of the task.
      if (last.version !== task.version && !last.is_current) throw changedTo(task.version);
      const { deleted_at: deletedAt, ...fields } = last.fields;
      if (deletedAt?.old === null) return this.tasks.restore(id);
      if (deletedAt) {
        await this.tasks.moveToTrash(id);
        return this.tasks.find(id, isAnyTaskSql);
      }
      if (task.deleted_at !== null) throw taskTrashed.create();
      const oldValues = Object.entries(fields).map(([name, value]) => [name, value.old] as const);
      const undone = await this.tasks.updateTask(id, Object.fromEntries(oldValues), force);
      // For example, undoing a change of a tag name's case has no effect while another task uses the tag.
      if (stateOf(undone).version === task.version) throw nothingToUndo.create();
      return undone;
    });
  }
}

function stateOf({ text }: JsonText): { version: number; deleted_at: string | null } {
  return JSON.parse(text) as { version: number; deleted_at: string | null };
}

function changedTo(version: number): Problem {
  return changedSince.create(`The task was updated in the meantime. Its current version is ${version}.`);
}
