import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import type { Problem } from '../core/problem';
import { Database } from '../database/database';
import type { ColumnValues } from '../database/table.repository';
import type { TrashRepository } from '../database/trash.repository';
import { ChangesRepository } from './changes.repository';
import { changedSince, inTrash, nothingToUndo } from './history.problems';

/** SQL condition for all rows, including those in the trash. */
const isAnySql = 'true';

/** Undoes changes. */
@Injectable()
export class HistoryService {
  constructor(
    private readonly changes: ChangesRepository,
    private readonly database: Database,
  ) {}

  /**
   * Undoes the last change of a row, with the same rules as any other change. A second undo reapplies the change.
   * @param revert sets the old values of the changed columns
   * @param version the version that the client expects the row to have
   * @throws Problem 404 · Problem 409 `changed_since` if the row has another version, `nothing_to_undo`, `trashed` if the
   * row was updated while it was in the trash
   */
  undo(
    rows: TrashRepository<never>,
    id: string,
    revert: (oldValues: ColumnValues) => Promise<JsonText>,
    version?: number,
  ): Promise<JsonText> {
    return this.database.writeTransaction(async () => {
      const row = stateOf(await rows.find(id, { conditionSql: isAnySql }));
      const last = await this.changes.lastOf(rows, id);
      if (version !== undefined && version !== row.version) throw changedTo(row.version);
      if (last?.operation !== 'update') throw nothingToUndo.create();
      // The version is also incremented when derived values change, such as the name of a tag of a task.
      if (last.version !== row.version && !last.is_current) throw changedTo(row.version);
      const { deleted_at: deletedAt, ...fields } = last.fields;
      if (deletedAt?.old === null) return rows.restore(id);
      if (deletedAt) {
        await rows.moveToTrash(id);
        return rows.find(id, { conditionSql: isAnySql });
      }
      if (row.deleted_at !== null) throw inTrash.create();
      const oldValues = Object.entries(fields).map(([name, value]) => [name, value.old] as const);
      const undone = await revert(Object.fromEntries(oldValues));
      // For example, undoing a change of a tag name's case has no effect while another task uses the tag.
      if (stateOf(undone).version === row.version) throw nothingToUndo.create();
      return undone;
    });
  }
}

function stateOf({ text }: JsonText): { version: number; deleted_at: string | null } {
  return JSON.parse(text) as { version: number; deleted_at: string | null };
}

function changedTo(version: number): Problem {
  return changedSince.create(`${changedSince.detail} Its current version is ${version}.`);
}
