import type { Config } from '../core/config';
import { quotas } from '../core/quotas';
import type { Database } from '../database/database';
import { quotaExceeded } from '../database/database-errors';
import type { Statement } from '../database/statement';
import { clearFlag, setFlag } from '../database/transaction-flags';
import { batchesOf } from './batches';
import { ChangeRow, Member, Row, toRow } from './export-items';
import { DocumentErrors, DocumentSource, ExportOutline, itemsOf } from './export-outline';
import * as rows from './export-rows';
import type { OnProgress } from './import-report';
import {
  beginImport,
  discardPlans,
  recomputeProgress,
  selectLargestGoal,
  selectProgress,
} from './import-rows';

/** How many items of each array were created, and how many existed and were left as they are. */
export interface ImportCounts {
  created: Record<Member, number>;
  existing: Record<Member, number>;
}

/**
 * Imports a document as `GET /users/me/export` returns it. Ids, timestamps and versions stay as they are. Rows whose id
 * exists in the account are left as they are, so that a document can be imported again.
 */
export class ExportImport {
  private outline: ExportOutline;
  private source: DocumentSource;
  /** The goals and tasks that exist. */
  private readonly existing = new Set<string>();
  /** Set by `write`. */
  readonly counts: ImportCounts = { created: zeroCounts(), existing: zeroCounts() };
  private done = 0;
  private planned = 0;

  constructor(
    private readonly database: Database,
    private readonly config: Pick<Config, 'quotas'>,
    private readonly userId: string,
    private readonly onProgress: OnProgress,
  ) {}

  /** Validates the document, without the database. @throws Problem naming the places of errors */
  async check(source: DocumentSource): Promise<void> {
    this.outline = await ExportOutline.read(source, this.config.quotas, this.onProgress);
  }

  /**
   * Creates the rows. Call it in a transaction of the user, after `check`.
   * @throws Problem 422 for references to rows that are neither in the document nor in the account · Problem 409 if a quota
   * would be exceeded
   */
  async write(source: DocumentSource): Promise<ImportCounts> {
    this.source = source;
    this.done = this.planned = 0;
    this.existing.clear();
    Object.assign(this.counts, { created: zeroCounts(), existing: zeroCounts() });
    await this.database.write(beginImport());
    await this.findExisting('goals', this.outline.goals);
    await this.findExisting('tasks', this.outline.tasks);
    await this.checkReferences();
    await this.writeTags();
    await this.writeTree('goals');
    await this.writeTree('tasks');
    await this.writeRows('time_entries', 'time_entries', () => true);
    await this.writeRows('dependencies', 'task_dependencies', (index) => {
      const { task, on } = this.outline.dependencies[index]!;
      return this.isCreated('tasks', task) || this.isCreated('tasks', on);
    });
    await this.writeHistory();
    await this.deriveValues();
    await this.refuseLargeTrees();
    return this.counts;
  }

  private isCreated(member: 'goals' | 'tasks', id: string): boolean {
    return this.outline[member].has(id) && !this.existing.has(id);
  }

  private async findExisting(table: 'goals' | 'tasks', wanted: ReadonlyMap<string, unknown>): Promise<void> {
    for await (const ids of batchesOf(wanted.keys()))
      for (const { id } of await this.all(rows.selectExisting(this.userId, table, ids)))
        this.existing.add(id);
  }

  /** References to rows that are not in the document must be to rows of the account. */
  private async checkReferences(): Promise<void> {
    const { goals, tasks, timeEntries, dependencies, hasTimer } = this.outline;
    const missing = { goals: new Map<string, string[]>(), tasks: new Map<string, string[]>() };
    const refer = (table: 'goals' | 'tasks', id: string | null, place: string) => {
      if (id === null || this.outline[table].has(id)) return;
      (missing[table].get(id) ?? missing[table].set(id, []).get(id)!).push(place);
    };
    const parents = new Map<string, string[]>();
    for (const [id, { index, parent }] of goals)
      if (this.isCreated('goals', id)) refer('goals', parent, `goals[${index}].parent_goal_id`);
    for (const [id, { index, parent, goal, isTrashed }] of tasks) {
      if (!this.isCreated('tasks', id)) continue;
      refer('goals', goal, `tasks[${index}].goal_id`);
      const place = `tasks[${index}].parent_task_id`;
      refer('tasks', parent, place);
      if (!isTrashed && parent !== null && !this.isCreated('tasks', parent))
        (parents.get(parent) ?? parents.set(parent, []).get(parent)!).push(place);
    }
    for (const { index, task } of timeEntries.values())
      refer('tasks', task, `time_entries[${index}].task_id`);
    for (const { index, task, on } of dependencies) {
      refer('tasks', task, `dependencies[${index}].task_id`);
      refer('tasks', on, `dependencies[${index}].depends_on_id`);
    }
    const errors = new DocumentErrors();
    for (const table of ['goals', 'tasks'] as const)
      await this.refuseMissing(errors, table, missing[table], 'not_found', unknownRow);
    errors.throwIfAny();
    await this.refuseMissing(errors, 'tasks', parents, 'parent_trashed', 'is in the trash');
    if (hasTimer && (await this.one(rows.countRunningTimers(this.userId))).count > 0)
      errors.add(
        'time_entries',
        'timer_running',
        'contain a running timer, and the account has one: stop it first',
      );
    errors.throwIfAny();
  }

  private async refuseMissing(
    errors: DocumentErrors,
    table: 'goals' | 'tasks',
    places: ReadonlyMap<string, string[]>,
    code: string,
    message: string,
  ): Promise<void> {
    // Nothing can refer to a goal in the trash.
    const isListed = table === 'goals' || code === 'parent_trashed';
    for await (const ids of batchesOf(places.keys())) {
      const found = await this.all(rows.selectExisting(this.userId, table, ids, isListed));
      const existing = new Set(found.map(({ id }) => id));
      for (const id of ids.filter((one) => !existing.has(one)))
        for (const place of places.get(id)!) errors.add(place, code, message);
    }
  }

  private async writeTags(): Promise<void> {
    await this.writeRows('tags', 'tags', () => true);
    for await (const names of batchesOf(this.outline.tagNames.values())) {
      const inserted = await this.all(rows.insertMissingTags(this.userId, names));
      this.counts.created.tags += inserted.length;
    }
  }

  /** Writes the rows by their depth: first those whose parents exist. */
  private async writeTree(member: 'goals' | 'tasks'): Promise<void> {
    const levels: number[] = [];
    const outline = this.outline[member];
    const levelOf = (id: string | null): number =>
      id === null || !this.isCreated(member, id) ? 0 : 1 + levelOf(outline.get(id)!.parent);
    for (const [id, { index }] of outline) levels[index] = levelOf(id);
    const left = levels.filter((level) => level > 0).length;
    this.counts.existing[member] = levels.length - left;
    this.done += levels.length - left;
    const deepest = levels.reduce((max, level) => Math.max(max, level), 0);
    for (let level = 1; level <= deepest; level++)
      await this.writeRows(member, member, (index) => levels[index] === level);
  }

  private async writeRows(
    member: Member,
    table: rows.InsertedTable,
    isWritten: (index: number) => boolean,
  ): Promise<void> {
    if (this.outline.counts[member] === 0) return;
    const isTree = member === 'goals' || member === 'tasks';
    for await (const batch of batchesOf(this.rowsOf(member, isWritten))) {
      for (const history of isTree ? [true, false] : [false]) {
        const part = isTree
          ? batch.filter((row) => this.outline.withHistory.has(row.id as string) === history)
          : batch;
        if (part.length === 0) continue;
        // The history of the document replaces the one that triggers would write.
        if (history) await this.all(setFlag('importing_history', 'true'));
        let inserted = 0;
        for (const group of rows.byColumns(part))
          inserted += (await this.all(rows.insertRows(this.userId, table, group))).length;
        if (history) await this.all(clearFlag('importing_history'));
        this.counts.created[member] += inserted;
      }
      const tagged = batch.filter(({ tags }) => (tags as string[] | undefined)?.length);
      if (member === 'tasks' && tagged.length) await this.all(rows.insertTaskTags(this.userId, tagged));
      await this.advance(member, batch.length);
    }
    if (!isTree) this.counts.existing[member] = this.outline.counts[member] - this.counts.created[member];
  }

  /** Writes the changes of rows that were created, and of rows that are gone, in their order. */
  private async writeHistory(): Promise<void> {
    if (this.outline.counts.history === 0) return;
    const { last_id: lastId, imported } = await this.one(rows.selectHistoryState(this.userId));
    const quota = this.config.quotas.imported_changes;
    const { created, existing } = this.counts;
    for await (const batch of batchesOf(this.rowsOf('history', () => true))) {
      const candidates = (batch as ChangeRow[]).filter(({ entity_id: id }) => !this.existing.has(id));
      const gone = candidates
        .map(({ entity_id: id }) => id)
        .filter((id) => !this.outline.tasks.has(id) && !this.outline.goals.has(id));
      const found = gone.length
        ? await this.all(rows.selectEntitiesWithHistory(this.userId, gone, lastId))
        : [];
      const known = new Set(found.map(({ id }) => id));
      const changes = candidates.filter(({ entity_id: id }) => !known.has(id));
      if (imported + created.history + changes.length > quota)
        throw quotaExceeded.create(quotas.imported_changes.text(quota));
      changes.forEach((change, index) => (change.id = lastId + created.history + index + 1));
      if (changes.length) await this.all(rows.insertChanges(this.userId, changes));
      created.history += changes.length;
      await this.advance('history', batch.length);
    }
    existing.history = this.outline.counts.history - created.history;
  }

  /** Computes values that depend on rows of the document and of the account. Most are right already. */
  private async deriveValues(): Promise<void> {
    await this.all(clearFlag('importing'));
    await this.all(setFlag('summing_hours', 'true'));
    const timed = new Set([...this.outline.timeEntries.values()].map(({ task }) => task));
    for await (const ids of batchesOf(timed)) await this.all(rows.sumHours(this.userId, ids));
    await this.all(clearFlag('summing_hours'));
    const computed = await this.all(selectProgress(this.userId));
    const progress = computed.map((goal): [string, number | null] => [goal.id, goal.progress]);
    const wrong = await this.all(rows.selectWrongProgress(this.userId, progress));
    const ids = wrong.map(({ id }) => id);
    if (ids.length) await this.all(recomputeProgress(this.userId, ids));
  }

  /** While rows are imported, triggers do not count the tasks of one goal and the subtasks of one task. */
  private async refuseLargeTrees(): Promise<void> {
    const { tasks_of_goal: goalQuota, subtasks: subtaskQuota } = this.config.quotas;
    const created = [...this.outline.tasks].filter(([id]) => this.isCreated('tasks', id));
    const goalIds = new Set(created.flatMap(([, { goal }]) => goal ?? []));
    const taskIds = new Set(created.flatMap(([, { parent }]) => parent ?? []));
    const [goal] = await this.all(selectLargestGoal(this.userId, [...goalIds], goalQuota));
    if (goal) throw quotaExceeded.create(quotas.tasks_of_goal.text(goalQuota));
    const [task] = await this.all(rows.selectLargestTask(this.userId, [...taskIds], subtaskQuota));
    if (task) throw quotaExceeded.create(quotas.subtasks.text(subtaskQuota));
  }

  /** The rows of an array that are to be written now. */
  private async *rowsOf(member: Member, isWritten: (index: number) => boolean): AsyncGenerator<Row> {
    for await (const item of itemsOf(this.source))
      if (item.member === member && isWritten(item.index!)) yield toRow(item);
  }

  /** Reports progress, and lets triggers plan their statements again each time that the number of rows has doubled. */
  private async advance(member: Member, count: number): Promise<void> {
    this.done += count;
    if (this.done >= 2 * this.planned) {
      await this.all(discardPlans());
      this.planned = this.done;
    }
    this.onProgress(`Writing ${member}`, this.done, this.outline.total);
  }

  private async all<R>(statement: Statement<R>): Promise<R[]> {
    return (await this.database.write({ rows: statement })).rows;
  }

  private async one<R>(statement: Statement<R>): Promise<R> {
    return (await this.all(statement))[0]!;
  }
}

const unknownRow = 'is not in the document and not in the account';

function zeroCounts(): Record<Member, number> {
  return { goals: 0, tags: 0, tasks: 0, time_entries: 0, dependencies: 0, history: 0 };
}
