import type { Database } from '../database/database';
import { clearFlag, setFlag } from '../database/transaction-flags';
import type { ImportPlan } from './import-plan';
import type { ImportReport } from './import-report';
import * as rows from './import-rows';
import type { SqliteSource } from './sqlite-source';

/**
 * The progress of goals. That of the source is kept. Cairn computes it for goals without one, and for goals that the import
 * does not write but that have written tasks or subgoals, or had them. No goal is completed or reopened by it.
 */
export class ImportProgress {
  constructor(
    private readonly database: Database,
    private readonly userId: string,
    private readonly source: SqliteSource,
    private readonly plan: ImportPlan,
    private readonly report: ImportReport,
  ) {}

  /** @param formerGoals the goals that tasks had before they were updated */
  async write(formerGoals: ReadonlySet<string>): Promise<void> {
    const { kept, without } = this.fromSource();
    await this.database.write({ flag: setFlag('recomputing_progress', 'true') });
    for (const level of this.levelsOf(without).reverse()) {
      const computed = await this.computed();
      const progress = level.map((id): [string, number | null] => [id, computed.get(id) ?? null]);
      await this.database.write({ goals: rows.setProgress(this.userId, progress) });
    }
    await this.database.write({ flag: clearFlag('recomputing_progress') });
    const others = this.otherGoals(formerGoals);
    if (others.length) await this.database.write({ goals: rows.recomputeProgress(this.userId, others) });
    const computed = await this.computed();
    const manual = [...kept].filter(([id, progress]) => computed.get(id) !== progress).map(([id]) => id);
    const isManual = new Set(manual);
    const explained = [...kept.keys()].filter((id) => !isManual.has(id));
    await this.database.write({
      manual: rows.setProgressMode(this.userId, 'manual', manual),
      explained: rows.setProgressMode(this.userId, 'computed', explained),
    });
    this.report.facts.push([
      'Progress of goals',
      `${manual.length} keep a progress that their tasks do not explain, as manual progress; ` +
        `${explained.length} have the progress that Cairn computes; ${without.size} had none`,
    ]);
  }

  /** The written goals with the progress of the source, and those without one. */
  private fromSource(): { kept: Map<string, number>; without: Set<string> } {
    const kept = new Map<string, number>();
    const without = new Set<string>();
    const sourceIds = [...this.plan.written('goals')].map(([sourceId]) => sourceId);
    for (const [sourceId, { values }] of this.source.rows('goals', sourceIds)) {
      const { progress } = values as { progress: number | null };
      const id = this.plan.idOf('goals', sourceId);
      if (progress === null) without.add(id);
      else kept.set(id, progress);
    }
    return { kept, without };
  }

  /** The goals that the import does not write, but whose tasks or subgoals it has changed. */
  private otherGoals(formerGoals: ReadonlySet<string>): string[] {
    const affected = new Set([...formerGoals, ...this.plan.formerParents]);
    for (const parentId of this.plan.goalParents.values()) if (parentId) affected.add(parentId);
    for (const [, entry] of this.plan.written('tasks')) {
      const goalId = this.plan.goalOf(entry);
      if (goalId) affected.add(goalId);
    }
    return [...affected].filter((id) => !this.plan.goalParents.has(id));
  }

  /** The progress that Cairn computes, by goal. */
  private async computed(): Promise<Map<string, number | null>> {
    const { goals } = await this.database.write({ goals: rows.selectProgress(this.userId) });
    return new Map(goals.map(({ id, progress }) => [id, progress]));
  }

  /** These goals by their depth below the written ones. */
  private levelsOf(ids: ReadonlySet<string>): string[][] {
    const levels: string[][] = [];
    const depths = new Map<string, number>();
    for (const [id, parentId] of this.plan.goalParents) {
      const depth = parentId === null ? 0 : (depths.get(parentId) ?? -1) + 1;
      depths.set(id, depth);
      if (ids.has(id)) (levels[depth] ??= []).push(id);
    }
    return levels.filter((level) => level !== undefined);
  }
}
