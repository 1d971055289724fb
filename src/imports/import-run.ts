import { v7 as uuidv7 } from 'uuid';
import { Config, ConfigError } from '../core/config';
import { QuotaName, quotas } from '../core/quotas';
import type { Database } from '../database/database';
import type { Statement } from '../database/statement';
import { clearFlag, setFlag } from '../database/transaction-flags';
import { Checksums } from './checksums';
import type { Rule } from './cells';
import type { ImportReport, OnProgress, TableCounts } from './import-report';
import * as rows from './import-rows';
import { CutLink, linkParents, linkWithoutCycles } from './links';
import type { SourceTable } from './source-rows';
import type { SourceEntry, SqliteSource } from './sqlite-source';

/** Rows, and characters of JSON, of one statement. */
const [batchRows, batchLength] = [500, 2_000_000];

/** What is to be done with the rows of one table. */
interface Plan {
  /** Source ids. */
  created: number[];
  updated: number[];
  /** The ids in Cairn by source id, without rows that were deleted there. */
  ids: Map<number, string>;
}

/** The statements of an import, in a transaction of the user. */
export class ImportRun {
  private readonly plans: Record<SourceTable, Plan> = { goals: newPlan(), tasks: newPlan() };
  private goalParents = new Map<string, string | null>();
  private dependencies = new Map<string, string[]>();
  /** The id in Cairn of each tag by its name in the source; absent for tags that were deleted in Cairn. */
  private readonly tagIds = new Map<string, string>();
  /** The goals and parents of rows before they were updated. */
  private readonly affectedGoals = new Set<string>();
  /** Goals that stay completed, because Cairn has completed them: what is stored. */
  private readonly keptStatus = new Map<string, { status: string; completed_at: string | null }>();

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly userId: string,
    private readonly source: SqliteSource,
    private readonly report: ImportReport,
    private readonly onProgress: OnProgress,
  ) {}

  /** @throws ConfigError if a quota would be exceeded, or if Cairn would not store exactly what the source has */
  async run(): Promise<void> {
    await this.database.write(rows.beginImport());
    for (const table of tables) await this.plan(table);
    const links = await this.database.write(rows.selectLinks(this.userId));
    this.planParents(links.parents);
    const dependencies = this.planDependencies(links.dependencies);
    const before = await this.one(rows.countRows(this.userId));
    await this.planTags(before.tags);
    this.refuseExceededQuotas(before, links.dependencies.length, dependencies);

    await this.writeGoals();
    await this.writeTasks();
    await this.inBatches('Writing dependencies', dependencies, dependencies.length, (batch) =>
      rows.insertDependencies(this.userId, batch),
    );
    await this.refuseLargeGoals();
    await this.computeProgress();

    await this.verify(before);
  }

  /** Decides for each row of the source whether it is created, updated or left as it is. */
  private async plan(table: SourceTable): Promise<void> {
    const entity = entityOf[table];
    const plan = this.plans[table];
    const known = new Map<string, rows.KnownRow>();
    for (const row of await this.all(rows.selectKnownRows(this.userId, entity)))
      known.set(row.source_key, row);
    const existing = new Set<string>();
    if (known.size)
      for (const { id } of await this.all(rows.selectIds(this.userId, entity))) existing.add(id);
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
    for (const batch of batchesOf(changed)) {
      const ids = batch.map(([, row]) => row.row_id);
      const present = await this.all(rows.selectRowHashes(this.userId, entity, ids));
      const hashes = new Map(present.map(({ id, row_hash }) => [id, row_hash]));
      for (const [sourceId, { row_id, row_hash }] of batch) {
        if (hashes.get(row_id) === row_hash) plan.updated.push(sourceId);
        else counts.kept.push(`${sourceId} (${row_id})`);
      }
    }
    counts.created = plan.created.length;
    counts.updated = plan.updated.length;
  }

  /** Chooses the parents of the created and updated goals. */
  private planParents(current: { id: string; parent_goal_id: string | null }[]): void {
    const wanted = new Map<string, string | null>();
    for (const [sourceId, entry] of this.written('goals')) {
      wanted.set(this.plans.goals.ids.get(sourceId)!, this.goalOf('goals', sourceId, entry, true));
    }
    for (const { id, parent_goal_id } of current) {
      if (wanted.has(id) && parent_goal_id) this.affectedGoals.add(parent_goal_id);
    }
    const existing = new Map(
      current.filter(({ id }) => !wanted.has(id)).map((goal) => [goal.id, goal.parent_goal_id]),
    );
    const { parents, cut } = linkParents(existing, wanted, this.config.quotas.goal_depth);
    this.goalParents = parents;
    this.remarkCut('goals', 'parent_goal_id', cut);
  }

  /** @returns the new dependencies, as ids in Cairn, in the order in which they are to be created */
  private planDependencies(current: { task_id: string; depends_on_id: string }[]): [string, string][] {
    const wanted = new Map<string, string[]>();
    const { ids, updated } = this.plans.tasks;
    for (const [sourceId, entry] of this.written('tasks')) {
      this.goalOf('tasks', sourceId, entry, true);
      const targets = entry.dependencies.flatMap((target) => {
        const id = ids.get(target);
        if (id === undefined) this.remarkMissing('tasks', sourceId, 'dependencies', target, 'tasks');
        return id ?? [];
      });
      if (targets.length) wanted.set(ids.get(sourceId)!, targets);
    }
    const replaced = new Set(updated.map((sourceId) => ids.get(sourceId)));
    const existing = new Map<string, string[]>();
    for (const { task_id, depends_on_id } of current) {
      if (replaced.has(task_id)) continue;
      existing.set(task_id, [...(existing.get(task_id) ?? []), depends_on_id]);
    }
    const { links, cut } = linkWithoutCycles(existing, wanted);
    for (const [from, to] of links) {
      const targets = this.dependencies.get(from) ?? [];
      this.dependencies.set(from, targets);
      targets.push(to);
    }
    this.remarkCut('tasks', 'dependencies', cut);
    return links;
  }

  /** Finds the tags of the created and updated tasks, and creates those that do not exist. */
  private async planTags(existingCount: number): Promise<void> {
    const names = new Set<string>();
    for (const [, { tags }] of this.written('tasks')) for (const name of tags) names.add(name);
    if (names.size === 0) return;
    const resolve = () => this.all(rows.resolveTags(this.userId, [...names]));
    const missing = (await resolve())
      .filter((tag) => tag.tag_id === null && !tag.is_deleted)
      .map(({ name }) => name);
    const newCount = new Set(missing.map((name) => name.toLowerCase())).size;
    this.refuseAbove('tags', existingCount + newCount, 'The account would have');
    await this.write(
      rows.insertTags(
        this.userId,
        missing,
        missing.map(() => uuidv7()),
      ),
    );
    const spellings = new Map<string, string[]>();
    const found: [name: string, id: string][] = [];
    for (const { name, tag_id } of await resolve()) {
      if (tag_id === null) {
        this.report.remark('deleted', `tag ${name}: it was deleted in Cairn`);
        continue;
      }
      found.push([name, tag_id]);
      this.tagIds.set(name, tag_id);
      spellings.set(tag_id, [...(spellings.get(tag_id) ?? []), name]);
    }
    for (const same of spellings.values()) {
      if (same.length > 1) this.report.remark('tags', `tags ${same.join(', ')} → one tag`);
    }
    await this.write(
      rows.rememberTags(
        this.userId,
        found.map(([name]) => name),
        found.map(([, id]) => id),
      ),
    );
  }

  private refuseExceededQuotas(
    before: rows.RowTotals,
    currentLinks: number,
    links: [string, string][],
  ): void {
    const { goals, tasks } = this.plans;
    this.refuseAbove('goals', before.goals + goals.created.length, 'The account would have');
    this.refuseAbove('tasks', before.tasks + tasks.created.length, 'The account would have');
    this.refuseAbove('task_dependencies', currentLinks + links.length, 'The account would have');
    for (const [sourceId, { dependencies }] of this.written('tasks')) {
      if (dependencies.length <= this.config.quotas.dependencies_of_task) continue;
      const count = this.dependencies.get(tasks.ids.get(sourceId)!)?.length ?? 0;
      this.refuseAbove('dependencies_of_task', count, `The task ${sourceId} would have`);
    }
  }

  private refuseAbove(name: QuotaName, count: number, subject: string): void {
    const quota = this.config.quotas[name];
    if (count <= quota) return;
    const what =
      name === 'dependencies_of_task'
        ? 'dependencies'
        : name.replace('tasks_of_goal', 'tasks').replace('_', ' ');
    throw new ConfigError(
      `${subject} ${count} ${what}, and ${quotas[name].variable} allows ${quota}. Raise it for this command and for the application.`,
    );
  }

  private async writeGoals(): Promise<void> {
    const { created, updated, ids } = this.plans.goals;
    const order = new Map([...this.goalParents.keys()].map((id, index) => [id, index]));
    const parentsFirst = (sourceIds: number[]) =>
      sourceIds.sort((a, b) => order.get(ids.get(a)!)! - order.get(ids.get(b)!)!);
    await this.writeRows('goals', parentsFirst(created), (batch) =>
      rows.insertRows(this.userId, 'goal', batch),
    );
    // One by one: moved together, a goal could seem to become its own ancestor.
    for (const sourceId of parentsFirst(updated)) {
      for (const row of this.newRows('goals', [sourceId])) {
        const [stored] = await this.all(rows.updateRows(this.userId, 'goal', [row]));
        if (stored && stored.status !== row.status) {
          const completedAt = stored.completed_at?.toISOString() ?? null;
          this.keptStatus.set(stored.id, { status: stored.status, completed_at: completedAt });
        }
      }
    }
  }

  private async writeTasks(): Promise<void> {
    const { created, updated, ids } = this.plans.tasks;
    await this.writeRows('tasks', created, (batch) => rows.insertRows(this.userId, 'task', batch));
    for (const batch of batchesOf(updated.map((sourceId) => ids.get(sourceId)!))) {
      const goals = await this.all(rows.selectGoalsOfTasks(this.userId, batch));
      for (const { goal_id } of goals) this.affectedGoals.add(goal_id);
      await this.database.write(rows.deleteLinks(this.userId, batch));
    }
    await this.writeRows('tasks', updated, (batch) => rows.updateRows(this.userId, 'task', batch));
    const links = [...this.written('tasks')].flatMap(([sourceId, entry]) =>
      this.tagsOf(entry).map((tagId): [string, string] => [ids.get(sourceId)!, tagId]),
    );
    await this.inBatches('Writing tags of tasks', links, links.length, (batch) =>
      rows.insertTaskTags(this.userId, batch),
    );
  }

  private async refuseLargeGoals(): Promise<void> {
    const goalIds = new Set<string>();
    for (const [sourceId, entry] of this.written('tasks')) {
      const goalId = this.goalOf('tasks', sourceId, entry);
      if (goalId) goalIds.add(goalId);
    }
    const quota = this.config.quotas.tasks_of_goal;
    const [goal] = await this.all(rows.selectLargestGoal(this.userId, [...goalIds], quota));
    if (!goal) return;
    const [sourceId] = [...this.plans.goals.ids].find(([, id]) => id === goal.id) ?? [];
    this.refuseAbove('tasks_of_goal', goal.count, `The goal ${sourceId ?? goal.id} would have`);
  }

  /**
   * The progress of the source is kept. Cairn computes it for goals without one, and for goals that this import does not
   * write but that have written tasks or subgoals, or had them. No goal is completed or reopened by it.
   */
  private async computeProgress(): Promise<void> {
    const { ids } = this.plans.goals;
    for (const parentId of this.goalParents.values()) if (parentId) this.affectedGoals.add(parentId);
    for (const [sourceId, entry] of this.written('tasks')) {
      const goalId = this.goalOf('tasks', sourceId, entry);
      if (goalId) this.affectedGoals.add(goalId);
    }
    const kept = new Map<string, number>();
    const without = new Set<string>();
    const sourceIds = [...this.written('goals')].map(([sourceId]) => sourceId);
    for (const [sourceId, row] of this.source.rows('goals', sourceIds)) {
      const { progress } = row.values as { progress: number | null };
      if (progress === null) without.add(ids.get(sourceId)!);
      else kept.set(ids.get(sourceId)!, progress);
    }
    await this.write(setFlag('recomputing_progress', 'true'));
    for (const level of this.levelsOf(without).reverse()) {
      const computed = await this.progress();
      await this.write(
        rows.setProgress(
          this.userId,
          level.map((id) => [id, computed.get(id) ?? null]),
        ),
      );
    }
    await this.write(clearFlag('recomputing_progress'));
    const others = [...this.affectedGoals].filter((id) => !this.goalParents.has(id));
    if (others.length) await this.write(rows.recomputeProgress(this.userId, others));
    const computed = await this.progress();
    const manual = [...kept].filter(([id, progress]) => computed.get(id) !== progress).map(([id]) => id);
    const isManual = new Set(manual);
    await this.write(rows.setProgressMode(this.userId, 'manual', manual));
    const explained = [...kept.keys()].filter((id) => !isManual.has(id));
    await this.write(rows.setProgressMode(this.userId, 'computed', explained));
    this.report.facts.push([
      'Progress of goals',
      `${manual.length} keep a progress that their tasks do not explain, as manual progress; ` +
        `${explained.length} have the progress that Cairn computes; ${without.size} had none`,
    ]);
  }

  /** The progress that Cairn computes, by goal. */
  private async progress(): Promise<Map<string, number | null>> {
    const goals = await this.all(rows.selectProgress(this.userId));
    return new Map(goals.map(({ id, progress }) => [id, progress]));
  }

  /** These goals by their depth below the written ones. */
  private levelsOf(ids: ReadonlySet<string>): string[][] {
    const levels: string[][] = [];
    const depths = new Map<string, number>();
    // Parents come before their children.
    for (const [id, parentId] of this.goalParents) {
      const depth = parentId === null ? 0 : (depths.get(parentId) ?? -1) + 1;
      depths.set(id, depth);
      if (ids.has(id)) (levels[depth] ??= []).push(id);
    }
    return levels.filter((level) => level !== undefined);
  }

  /** Compares what is stored with the source, which is read again, and remembers the rows. */
  private async verify(before: rows.RowTotals): Promise<void> {
    const tagIds = [...new Set(this.tagIds.values())];
    const tagNames = await this.all(rows.selectTagNames(this.userId, tagIds));
    const failures: string[] = [];
    for (const table of tables) {
      const checksums = await this.verifyTable(table, tagNames);
      if (checksums.differenceCount) {
        failures.push(...checksums.differences);
        const more = checksums.differenceCount - checksums.differences.length;
        if (more) failures.push(`… and ${more} more differences in ${table}`);
      }
    }
    const after = await this.one(rows.countRows(this.userId));
    for (const table of tables) {
      const [added, created] = [after[table] - before[table], this.plans[table].created.length];
      if (added !== created)
        failures.push(`${created} ${table} were to be created, and the account has ${added} more`);
    }
    if (failures.length === 0) return;
    throw new ConfigError(
      `The verification found that Cairn would not store what the source has:\n- ${failures.join('\n- ')}`,
    );
  }

  private async verifyTable(
    table: SourceTable,
    tagNames: { id: string; name: string }[],
  ): Promise<Checksums> {
    const entity = entityOf[table];
    const { created, updated, ids } = this.plans[table];
    const entries = this.source.entries[table];
    const checksums = new Checksums(table);
    const sourceIds = [...created, ...updated].sort((a, b) => a - b);
    const spots = new Set(
      [0, Math.floor(sourceIds.length / 2), sourceIds.length - 1].map((index) => sourceIds[index]),
    );
    const isCreated = new Set(created);
    let done = 0;
    for (const batch of batchesOf(sourceIds)) {
      const batchIds = batch.map((sourceId) => ids.get(sourceId)!);
      const stored = new Map(
        (await this.all(rows.selectStored(this.userId, entity, batchIds))).map((row) => [row.id, row.stored]),
      );
      for (const [sourceId, { values, createdAt }, sourceRow] of this.source.rows(table, batch)) {
        const id = ids.get(sourceId)!;
        const expected = { ...this.expected(table, sourceId, id, values, tagNames), id_time: createdAt };
        const found = stored.get(id);
        checksums.add(
          sourceId,
          expected,
          found && this.comparable(expected, found, id, isCreated.has(sourceId)),
        );
        if (spots.has(sourceId)) this.report.spotRows.push(spotText(table, sourceId, id, sourceRow, found));
      }
      const remembered = batch.map((sourceId) => {
        const { key, hash } = entries.get(sourceId)!;
        return { key, hash, id: ids.get(sourceId)! };
      });
      await this.write(rows.rememberRows(this.userId, entity, remembered));
      this.onProgress(`Verifying ${table}`, (done += batch.length), sourceIds.length);
    }
    for (const digest of checksums.digests()) {
      this.report.checksums.push({ table, rows: checksums.rowCount, ...digest });
    }
    return checksums;
  }

  /** The values that a row of the source has in Cairn. */
  private expected(
    table: SourceTable,
    sourceId: number,
    id: string,
    values: object,
    tagNames: { id: string; name: string }[],
  ): Record<string, unknown> {
    const entry = this.source.entries[table].get(sourceId)!;
    if (table === 'goals') {
      return { ...values, ...this.keptStatus.get(id), parent_goal_id: this.goalParents.get(id) ?? null };
    }
    const tags = new Set(this.tagsOf(entry));
    return {
      ...values,
      goal_id: this.goalOf('tasks', sourceId, entry),
      tags: [...tags].sort(),
      tag_names: tags.size ? tagNames.filter((tag) => tags.has(tag.id)).map(({ name }) => name) : [],
      depends_on: [...(this.dependencies.get(id) ?? [])].sort(),
    };
  }

  /**
   * The stored values, and the time in the id. Not compared is what an import does not write: progress that Cairn has
   * computed because the source has none, and the time of creation of a row that existed.
   */
  private comparable(
    expected: Record<string, unknown>,
    stored: rows.Stored,
    id: string,
    isCreated: boolean,
  ): Record<string, unknown> {
    const idTime = parseInt(id.replaceAll('-', '').slice(0, 12), 16);
    const { created_at, id_time, progress } = expected;
    return {
      ...stored,
      id_time: idTime,
      ...(!isCreated && { created_at, id_time }),
      ...(progress === null && { progress }),
    };
  }

  /** The created and updated rows. */
  private *written(table: SourceTable): Generator<[sourceId: number, entry: SourceEntry]> {
    const { created, updated } = this.plans[table];
    for (const sourceIds of [created, updated]) {
      for (const sourceId of sourceIds) yield [sourceId, this.source.entries[table].get(sourceId)!];
    }
  }

  /** The rows to write, without their links to other tables. */
  private *newRows(table: SourceTable, sourceIds: number[]): Generator<rows.NewRow> {
    for (const [sourceId, { values }] of this.source.rows(table, sourceIds)) {
      const id = this.plans[table].ids.get(sourceId)!;
      const entry = this.source.entries[table].get(sourceId)!;
      yield table === 'goals'
        ? { ...values, id, parent_goal_id: this.goalParents.get(id) ?? null }
        : { ...values, id, goal_id: this.goalOf(table, sourceId, entry), tag_ids: this.tagsOf(entry) };
    }
  }

  private async writeRows(
    table: SourceTable,
    sourceIds: number[],
    statementOf: (batch: rows.NewRow[]) => Statement,
  ): Promise<void> {
    await this.inBatches(`Writing ${table}`, this.newRows(table, sourceIds), sourceIds.length, statementOf);
  }

  private async inBatches<Item>(
    step: string,
    items: Iterable<Item>,
    total: number,
    statementOf: (batch: Item[]) => Statement,
  ): Promise<void> {
    let done = 0;
    let planned = 0;
    for (const batch of batchesOf(items)) {
      await this.write(statementOf(batch));
      done += batch.length;
      if (done >= 2 * planned) {
        await this.write(rows.discardPlans());
        planned = done;
      }
      this.onProgress(step, done, total);
    }
  }

  /** The id in Cairn of the goal that a row belongs to. */
  private goalOf(
    table: SourceTable,
    sourceId: number,
    { goal }: SourceEntry,
    isRemarked = false,
  ): string | null {
    if (goal === null) return null;
    const id = this.plans.goals.ids.get(goal);
    if (id === undefined && isRemarked) this.remarkMissing(table, sourceId, 'parent_goal_id', goal, 'goals');
    return id ?? null;
  }

  private tagsOf({ tags }: SourceEntry): string[] {
    return [...new Set(tags.flatMap((name) => this.tagIds.get(name) ?? []))];
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
    const sourceIds = new Map([...this.plans[table].ids].map(([sourceId, id]) => [id, sourceId]));
    for (const { from, to, rule } of cut) {
      this.report.remark(
        rule,
        `${table} ${sourceIds.get(from)}, ${column}: ${sourceIds.get(to) ?? to} → none`,
      );
    }
  }

  private async all<Row>(statement: Statement<Row>): Promise<Row[]> {
    return (await this.database.write({ rows: statement })).rows;
  }

  private async one<Row>(statement: Statement<Row>): Promise<Row> {
    return (await this.all(statement))[0]!;
  }

  private async write(statement: Statement): Promise<void> {
    await this.database.write({ written: statement });
  }
}

const tables: SourceTable[] = ['goals', 'tasks'];
const entityOf = { goals: 'goal', tasks: 'task' } as const;

function newPlan(): Plan {
  return { created: [], updated: [], ids: new Map() };
}

function* batchesOf<Item>(items: Iterable<Item>): Generator<Item[]> {
  let batch: Item[] = [];
  let length = 0;
  for (const item of items) {
    batch.push(item);
    length += typeof item === 'object' ? JSON.stringify(item).length : 0;
    if (batch.length < batchRows && length < batchLength) continue;
    yield batch;
    batch = [];
    length = 0;
  }
  if (batch.length) yield batch;
}

/** The times of a row, before and after: the part of an import that is easiest to get wrong. */
function spotText(
  table: SourceTable,
  sourceId: number,
  id: string,
  sourceRow: Record<string, unknown>,
  stored: rows.Stored | undefined,
): string {
  const columns =
    table === 'goals'
      ? ['status', 'created_at', 'target_date']
      : ['status', 'created_at', 'due_date', 'completed_at'];
  const values = columns.map(
    (column) => `${column} ${String(sourceRow[column])} → ${String(stored?.[column])}`,
  );
  return `${table} ${sourceId} → ${id}: ${values.join(', ')}`;
}
