import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import type { TableRepository } from '../database/table.repository';
import { GoalsRepository } from '../goals/goals.repository';
import { JsonPage, JsonText } from '../core/json-text';
import { Problem } from '../core/problem';
import { TasksRepository } from '../tasks/tasks.repository';
import { HistoryQuery } from './change.dto';
import { ChangesRepository } from './changes.repository';

/** What changed in tasks and goals, also while they lie in the trash. A trigger writes it down. */
@Injectable()
export class HistoryService {
  constructor(
    private readonly changes: ChangesRepository,
    private readonly tasks: TasksRepository,
    private readonly goals: GoalsRepository,
    private readonly database: Database,
  ) {}

  /** The newest change first. @throws Problem 404 when there is no such task; so in all others */
  ofTask(id: string, query: HistoryQuery): Promise<JsonPage> {
    return this.page(this.tasks, id, query);
  }

  ofGoal(id: string, query: HistoryQuery): Promise<JsonPage> {
    return this.page(this.goals, id, query);
  }

  /**
   * Takes back the last change of a task, by the same rules as any other change. That is a change too: undone, it is as
   * if nothing had been undone.
   * @param force completes it also when what it depends on is open
   * @param version the one that the caller has seen
   * @throws Problem 409 `changed_since` when that is no longer the task's version · `nothing_to_undo` · `trashed`
   * for one that has changed in the trash
   */
  undo(id: string, force: boolean, version?: number): Promise<JsonText> {
    return this.database.inTransaction(async () => {
      const task = stateOf(await this.tasks.find(id, 'true'));
      const last = await this.changes.last(id);
      if (version !== undefined && version !== task.version) throw changedSince(task.version);
      if (last?.operation !== 'update') throw nothingToUndo();
      if (last.version !== task.version) throw changedSince(task.version);
      const { deleted_at, ...fields } = last.fields;
      if (deleted_at?.old === null) return this.tasks.restore(id);
      if (deleted_at) {
        await this.tasks.trash(id);
        return this.tasks.find(id, 'true');
      }
      if (task.deleted_at !== null) {
        throw new Problem(409, 'trashed', 'The task is in the trash. Restore it first.');
      }
      const old = Object.entries(fields).map(([name, value]) => [name, value.old] as const);
      const undone = await this.tasks.change(id, Object.fromEntries(old), force);
      // Such as the name of a tag that is still called by another one, in another case.
      if (stateOf(undone).version === task.version) throw nothingToUndo();
      return undone;
    });
  }

  private page(rows: TableRepository<never>, id: string, query: HistoryQuery): Promise<JsonPage> {
    const sort = [{ column: 'id', descending: true }];
    return this.changes.pageUnder(rows, id, { ...query, sort, entity_id: [id] }, 'true');
  }
}

function stateOf({ text }: JsonText): { version: number; deleted_at: string | null } {
  return JSON.parse(text) as { version: number; deleted_at: string | null };
}

function nothingToUndo(): Problem {
  return new Problem(409, 'nothing_to_undo', 'The task has no change that can be undone.');
}

function changedSince(version: number): Problem {
  return new Problem(
    409,
    'changed_since',
    `The task was updated in the meantime. Its current version is ${version}.`,
  );
}
