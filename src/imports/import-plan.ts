import { v7 as uuidv7 } from 'uuid';
import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { batchesOf } from './batches';
import type { Rule } from './cells';
import type { ImportReport, TableCounts } from './import-report';
import * as rows from './import-rows';
import { CutLink, linkParents, linkWithoutCycles } from './links';
import type { SourceTable } from './source-rows';
import type { SourceEntry, SqliteSource } from './sqlite-source';

export const importedTables: SourceTable[] = ['goals', 'tasks'];
export const entityOf = { goals: 'goal', tasks: 'task' } as const;

/** What is done with the rows of one table. */
interface TablePlan {
  /** Source ids. */
  created: number[];
  updated: number[];
  /** The ids in Cairn by source id, without rows that were deleted there. */
  ids: Map<number, string>;
}

/** What an import does with each row of its source, and the links that it sets. Nothing is written here. */
export class ImportPlan {
  readonly tables: Record<SourceTable, TablePlan> = { goals: newTablePlan(), tasks: newTablePlan() };
  /** The parent of each created or updated goal. Parents come before their children. */
  goalParents = new Map<string, string | null>();
  /** The parents that goals have before they are updated. */
  readonly formerParents = new Set<string>();
  /** The dependencies of created and updated tasks, in an order in which they can be created. */
  dependencies: [taskId: string, dependsOnId: string][] = [];
  private readonly dependenciesByTask = new Map<string, string[]>();

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly userId: string,
    private readonly source: SqliteSource,
    private readonly report: ImportReport,
  ) {}

  /** Compares the source with what is stored. */
  async make(): Promise<void> {
    for (const table of importedTables) await this.planRows(table);
    const { parents, dependencies } = await this.database.write(rows.selectLinks(this.userId));
    this.planParents(parents);
    this.planDependencies(dependencies);
  }

  /** The created and updated rows. */
  *written(table: SourceTable): Generator<[sourceId: number, entry: SourceEntry]> {
    const { created, updated } = this.tables[table];
    for (const sourceIds of [created, updated]) {
      for (const sourceId of sourceIds) yield [sourceId, this.source.entries[table].get(sourceId)!];
    }
  }

  /** The id in Cairn of a row. */
  idOf(table: SourceTable, sourceId: number): string {
    return this.tables[table].ids.get(sourceId)!;
  }

  /** The id in Cairn of the goal that a task belongs to. */
  goalOf({ goal }: SourceEntry): string | null {
    return goal === null ? null : (this.tables.goals.ids.get(goal) ?? null);
  }

  /** The ids of the tasks that a task depends on. */
  dependenciesOf(taskId: string): readonly string[] {
    return this.dependenciesByTask.get(taskId) ?? [];
  }

  /** Decides for each row of the source whether it is created, updated or left as it is. */
  private async planRows(table: SourceTable): Promise<void> {
    const entity = entityOf[table];
    const plan = this.tables[table];
    const { known, existing } = await this.knownRows(table);
    const entries = this.source.entries[table];
    const counts: TableCounts = {
      source: entries.size,
      created: 0,
      updated: 0,
      unchanged: 0,
      kept: [],
      deleted: 0,
    };
    this.report.counts.set(table, counts);
    const changed = new Map<number, rows.KnownRow>();
    for (const [sourceId, { key, hash, createdAt }] of entries) {
      const row = known.get(key);
      if (!row) {
        plan.created.push(sourceId);
        plan.ids.set(sourceId, uuidv7({ msecs: createdAt }));
      } else if (existing.has(row.row_id)) {
        plan.ids.set(sourceId, row.row_id);
        if (row.source_hash === hash) counts.unchanged++;
        else changed.set(sourceId, row);
      } else counts.deleted++;
    }
    for await (const batch of batchesOf(changed)) {
      const ids = batch.map(([, row]) => row.row_id);
      const { present } = await this.database.write({
        present: rows.selectRowHashes(this.userId, entity, ids),
      });
      const hashes = new Map(present.map(({ id, row_hash }) => [id, row_hash]));
      for (const [sourceId, { row_id, row_hash }] of batch) {
        if (hashes.get(row_id) === row_hash) plan.updated.push(sourceId);
        else counts.kept.push(`${sourceId} (${row_id})`);
      }
    }
    counts.created = plan.created.length;
    counts.updated = plan.updated.length;
  }

  /** The rows that were imported before by their keys, and the ids of all rows, which are only read if there are such. */
  private async knownRows(
    table: SourceTable,
  ): Promise<{ known: Map<string, rows.KnownRow>; existing: Set<string> }> {
    const entity = entityOf[table];
    const { known } = await this.database.write({ known: rows.selectKnownRows(this.userId, entity) });
    const { existing } = await this.database.write({
      existing: known.length ? rows.selectIds(this.userId, entity) : undefined,
    });
    return {
      known: new Map(known.map((row) => [row.source_key, row])),
      existing: new Set(existing.map(({ id }) => id)),
    };
  }

  /** Chooses the parents of the created and updated goals. */
  private planParents(current: { id: string; parent_goal_id: string | null }[]): void {
    const wanted = new Map<string, string | null>();
    for (const [sourceId, entry] of this.written('goals')) {
      this.remarkMissingGoal('goals', sourceId, entry);
      wanted.set(this.idOf('goals', sourceId), this.goalOf(entry));
    }
    for (const { id, parent_goal_id } of current) {
      if (wanted.has(id) && parent_goal_id) this.formerParents.add(parent_goal_id);
    }
    const existing = new Map(
      current.filter(({ id }) => !wanted.has(id)).map((goal) => [goal.id, goal.parent_goal_id]),
    );
    const { parents, cut } = linkParents(existing, wanted, this.config.quotas.goal_depth);
    this.goalParents = parents;
    this.remarkCut('goals', 'parent_goal_id', cut);
  }

  private planDependencies(current: { task_id: string; depends_on_id: string }[]): void {
    const wanted = new Map<string, string[]>();
    const { ids, updated } = this.tables.tasks;
    for (const [sourceId, entry] of this.written('tasks')) {
      this.remarkMissingGoal('tasks', sourceId, entry);
      const targets = entry.dependencies.flatMap((target) => {
        const id = ids.get(target);
        if (id === undefined) this.remarkMissing('tasks', sourceId, 'dependencies', target, 'tasks');
        return id ?? [];
      });
      if (targets.length) wanted.set(this.idOf('tasks', sourceId), targets);
    }
    const replaced = new Set(updated.map((sourceId) => ids.get(sourceId)));
    const existing = new Map<string, string[]>();
    for (const { task_id, depends_on_id } of current) {
      if (!replaced.has(task_id)) append(existing, task_id, depends_on_id);
    }
    const { links, cut } = linkWithoutCycles(existing, wanted);
    this.dependencies = links;
    for (const [from, to] of links) append(this.dependenciesByTask, from, to);
    this.remarkCut('tasks', 'dependencies', cut);
  }

  private remarkMissingGoal(table: SourceTable, sourceId: number, entry: SourceEntry): void {
    const { goal } = entry;
    if (goal === null || this.goalOf(entry) !== null) return;
    this.remarkMissing(table, sourceId, 'parent_goal_id', goal, 'goals');
  }

  private remarkMissing(
    table: string,
    sourceId: number,
    column: string,
    target: number,
    of: SourceTable,
  ): void {
    const rule: Rule = this.source.entries[of].has(target) ? 'deleted' : 'orphan';
    this.report.remark(rule, `${table} ${sourceId}, ${column}: ${target} → none`);
  }

  private remarkCut(table: SourceTable, column: string, cut: CutLink[]): void {
    if (cut.length === 0) return;
    const sourceIds = new Map([...this.tables[table].ids].map(([sourceId, id]) => [id, sourceId]));
    for (const { from, to, rule } of cut) {
      this.report.remark(
        rule,
        `${table} ${sourceIds.get(from)}, ${column}: ${sourceIds.get(to) ?? to} → none`,
      );
    }
  }
}

function newTablePlan(): TablePlan {
  return { created: [], updated: [], ids: new Map() };
}

function append(lists: Map<string, string[]>, key: string, item: string): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}
