import type { Config } from '../core/config';
import type { Database } from '../database/database';
import type { Statement } from '../database/statement';
import { batchesOf, sendAhead } from './batches';
import { ImportPlan } from './import-plan';
import { ImportProgress } from './import-progress';
import { refuseAboveQuota } from './import-quotas';
import type { ImportReport, OnProgress } from './import-report';
import * as rows from './import-rows';
import { ImportTags } from './import-tags';
import { ImportVerification, KeptStatus } from './import-verification';
import type { SourceTable } from './source-rows';
import type { SqliteSource } from './sqlite-source';

/** The statements of an import, in a transaction of the user. */
export class ImportRun {
  private readonly plan: ImportPlan;
  private readonly tags: ImportTags;

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly userId: string,
    private readonly source: SqliteSource,
    private readonly report: ImportReport,
    private readonly onProgress: OnProgress,
  ) {
    this.plan = new ImportPlan(database, config, userId, source, report);
    this.tags = new ImportTags(database, config, userId, report);
  }

  /** @throws ConfigError if a quota would be exceeded, or if Cairn would not store exactly what the source has */
  async run(): Promise<void> {
    const { database, userId, source, plan, tags, report } = this;
    await database.write(rows.beginImport());
    await plan.make();
    const { totals } = await database.write({ totals: rows.countRows(userId) });
    const before = totals[0]!;
    await tags.write(this.tagNames(), before.tags);
    this.refuseExceededQuotas(before);

    const keptStatus = await this.writeGoals();
    const formerGoals = await this.writeTasks();
    await this.writeLinks('dependencies', plan.dependencies, (batch) =>
      rows.insertDependencies(userId, batch),
    );
    await this.refuseLargeGoals();
    await new ImportProgress(database, userId, source, plan, report).write(formerGoals);

    await new ImportVerification(
      database,
      userId,
      source,
      plan,
      tags,
      keptStatus,
      report,
      this.onProgress,
    ).run(before);
  }

  private tagNames(): Set<string> {
    const names = new Set<string>();
    for (const [, { tags }] of this.plan.written('tasks')) for (const name of tags) names.add(name);
    return names;
  }

  private refuseExceededQuotas(before: rows.RowTotals): void {
    const { plan } = this;
    const { goals, tasks } = plan.tables;
    const refuse = (name: 'goals' | 'tasks' | 'task_dependencies', added: number) =>
      refuseAboveQuota(this.config, name, before[name] + added, 'The account would have');
    refuse('goals', goals.created.length);
    refuse('tasks', tasks.created.length);
    refuse('task_dependencies', plan.dependencies.length);
    for (const [sourceId] of plan.written('tasks')) {
      const count = plan.dependenciesOf(plan.idOf('tasks', sourceId)).length;
      refuseAboveQuota(this.config, 'dependencies_of_task', count, `The task ${sourceId} would have`);
    }
  }

  /** @returns what is stored of goals that stay completed, because Cairn has completed them */
  private async writeGoals(): Promise<Map<string, KeptStatus>> {
    const { created, updated } = this.plan.tables.goals;
    const order = new Map([...this.plan.goalParents.keys()].map((id, index) => [id, index]));
    const positionOf = (sourceId: number) => order.get(this.plan.idOf('goals', sourceId))!;
    const parentsFirst = (sourceIds: number[]) => sourceIds.sort((a, b) => positionOf(a) - positionOf(b));
    await this.writeRows('goals', parentsFirst(created), (batch) =>
      rows.insertRows(this.userId, 'goal', batch),
    );
    const keptStatus = new Map<string, KeptStatus>();
    // One by one: moved together, a goal could seem to become its own ancestor.
    for (const row of this.newRows('goals', parentsFirst(updated))) {
      const { goals } = await this.database.write({ goals: rows.updateRows(this.userId, 'goal', [row]) });
      for (const { id, status, completed_at } of goals) {
        if (status === row.status) continue;
        keptStatus.set(id, { status, completed_at: completed_at?.toISOString() ?? null });
      }
    }
    return keptStatus;
  }

  /** Writes tasks with their tags. @returns the goals that tasks had before they were updated */
  private async writeTasks(): Promise<Set<string>> {
    const { created, updated } = this.plan.tables.tasks;
    await this.writeRows('tasks', created, (batch) => rows.insertRows(this.userId, 'task', batch));
    const formerGoals = new Set<string>();
    for await (const batch of batchesOf(updated.map((sourceId) => this.plan.idOf('tasks', sourceId)))) {
      const { goals } = await this.database.write({
        goals: rows.selectGoalsOfTasks(this.userId, batch),
        ...rows.deleteLinks(this.userId, batch),
      });
      for (const { goal_id } of goals) formerGoals.add(goal_id);
    }
    await this.writeRows('tasks', updated, (batch) => rows.updateRows(this.userId, 'task', batch));
    const links = [...this.plan.written('tasks')].flatMap(([sourceId, entry]) =>
      this.tags.idsOf(entry).map((tagId): [string, string] => [this.plan.idOf('tasks', sourceId), tagId]),
    );
    await this.writeLinks('tags of tasks', links, (batch) => rows.insertTaskTags(this.userId, batch));
    return formerGoals;
  }

  private async refuseLargeGoals(): Promise<void> {
    const goalIds = new Set<string>();
    for (const [, entry] of this.plan.written('tasks')) {
      const goalId = this.plan.goalOf(entry);
      if (goalId) goalIds.add(goalId);
    }
    const quota = this.config.quotas.tasks_of_goal;
    const { goals } = await this.database.write({
      goals: rows.selectLargestGoal(this.userId, [...goalIds], quota),
    });
    for (const { id, count } of goals) {
      const [sourceId] = [...this.plan.tables.goals.ids].find(([, goalId]) => goalId === id) ?? [];
      refuseAboveQuota(this.config, 'tasks_of_goal', count, `The goal ${sourceId ?? id} would have`);
    }
  }

  /** The rows to write, without their links to other tables. */
  private *newRows(table: SourceTable, sourceIds: number[]): Generator<rows.NewRow> {
    for (const [sourceId, { values }] of this.source.rows(table, sourceIds)) {
      const id = this.plan.idOf(table, sourceId);
      const entry = this.source.entries[table].get(sourceId)!;
      yield table === 'goals'
        ? { ...values, id, parent_goal_id: this.plan.goalParents.get(id) ?? null }
        : { ...values, id, goal_id: this.plan.goalOf(entry), tag_ids: this.tags.idsOf(entry) };
    }
  }

  private async writeRows(
    table: SourceTable,
    sourceIds: number[],
    statementOf: (batch: rows.NewRow[]) => Statement,
  ): Promise<void> {
    await this.inBatches(`Writing ${table}`, this.newRows(table, sourceIds), sourceIds.length, statementOf);
  }

  private async writeLinks(
    name: string,
    links: [string, string][],
    statementOf: (batch: [string, string][]) => Statement,
  ): Promise<void> {
    await this.inBatches(`Writing ${name}`, links, links.length, statementOf);
  }

  private async inBatches<Item>(
    step: string,
    items: Iterable<Item>,
    total: number,
    statementOf: (batch: Item[]) => Statement,
  ): Promise<void> {
    let [sent, planned, done] = [0, 0, 0];
    const statementsOf = (batch: Item[]) => {
      sent += batch.length;
      const isDoubled = sent >= 2 * planned;
      if (isDoubled) planned = sent;
      return { written: statementOf(batch), plans: isDoubled ? rows.discardPlans() : undefined };
    };
    for await (const [batch] of sendAhead(this.database, batchesOf(items), statementsOf)) {
      this.onProgress(step, (done += batch.length), total);
    }
  }
}
