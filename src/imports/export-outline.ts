import { setImmediate } from 'node:timers/promises';
import { FieldError, Problem } from '../core/problem';
import { QuotaName, quotas } from '../core/quotas';
import { quotaExceeded } from '../database/database-errors';
import { DocumentItem, DocumentItems } from './document-items';
import { ChangeRow, checkItem, isMember, Member, memberProblem, members, placeOf, Row } from './export-items';
import type { OnProgress } from './import-report';
import { linkParents, linkWithoutCycles } from './links';

/** A document that is read several times. */
export interface DocumentSource {
  /** In bytes. */
  size: number;
  /** From the beginning. Chunks are at most 64 KiB, so that none blocks the process. */
  chunks(): AsyncIterable<Buffer>;
}

/** Errors in one message. */
const maxErrors = 100;

/** Items that are validated before other work of the process can continue. */
const itemsPerTurn = 32;

/** A task may have ten ancestors. */
const maxTaskDepth = 11;

/** The position of an item, and its links. */
interface GoalOutline {
  index: number;
  parent: string | null;
  isTrashed: boolean;
}

interface TaskOutline extends GoalOutline {
  goal: string | null;
}

/** The items of a document, in turns with other work of the process. @throws Problem if the document is no JSON object */
export async function* itemsOf(
  source: DocumentSource,
  onRead: (bytes: number) => void = () => undefined,
): AsyncGenerator<DocumentItem> {
  const items = new DocumentItems();
  let [bytes, count] = [0, 0];
  for await (const chunk of source.chunks()) {
    for (const item of items.next(chunk)) {
      yield item;
      if (++count % itemsPerTurn === 0) await setImmediate();
    }
    onRead((bytes += chunk.length));
  }
  items.end();
}

/** Collects errors, so that one message names many. */
export class DocumentErrors {
  private readonly errors: FieldError<string>[] = [];

  add(field: string, code: string, message: string): void {
    this.errors.push({ field, code, message });
    if (this.errors.length >= maxErrors) this.throwIfAny();
  }

  /** @throws the problem if it names no fields */
  addProblem(problem: unknown): void {
    if (!(problem instanceof Problem) || !problem.errors) throw problem;
    for (const { field, code, message } of problem.errors) this.add(field, code, message);
  }

  /** @throws Problem 422 with the errors */
  throwIfAny(): void {
    if (this.errors.length === 0) return;
    const more = this.errors.length >= maxErrors ? 'at least ' : '';
    const places = this.errors.length === 1 ? '1 place' : `${this.errors.length} places`;
    const detail = `The document is invalid in ${more}${places}. Nothing was imported.`;
    throw new Problem(422, 'validation_failed', detail, this.errors);
  }
}

/** The ids and links of a document: what must be known about all rows before the first one is written. */
export class ExportOutline {
  readonly goals = new Map<string, GoalOutline>();
  readonly tasks = new Map<string, TaskOutline>();
  /** The task of each time entry. */
  readonly timeEntries = new Map<string, { index: number; task: string }>();
  readonly dependencies: { index: number; task: string; on: string }[] = [];
  /** The names of tags that tasks have, by their lower-case names. */
  readonly tagNames = new Map<string, string>();
  /** The goals and tasks whose changes are in the document. */
  readonly withHistory = new Set<string>();
  /** Whether a timer is running. */
  hasTimer = false;
  readonly counts: Record<Member, number> = {
    goals: 0,
    tags: 0,
    tasks: 0,
    time_entries: 0,
    dependencies: 0,
    history: 0,
  };
  private readonly errors = new DocumentErrors();
  private readonly tagIds = new Set<string>();
  private readonly tagsByName = new Set<string>();
  private readonly pairs = new Set<string>();

  private constructor(private readonly quotas: Record<QuotaName, number>) {}

  /**
   * Reads and validates the whole document.
   * @throws Problem 400 or 422 naming the places of errors · Problem 409 if there are more rows than a quota allows
   */
  static async read(
    source: DocumentSource,
    quotas: Record<QuotaName, number>,
    onProgress: OnProgress,
  ): Promise<ExportOutline> {
    const outline = new ExportOutline(quotas);
    const onRead = (bytes: number) => onProgress('Checking the document', bytes, source.size);
    for await (const item of itemsOf(source, onRead)) await outline.add(item);
    outline.checkLinks();
    outline.errors.throwIfAny();
    // The history is usually the largest part, of which only this is needed. Its tasks and goals may come after it.
    if (outline.counts.history > 0) {
      for await (const { member, text } of itemsOf(source)) {
        if (member !== 'history') continue;
        const id = (JSON.parse(text) as ChangeRow).entity_id.toLowerCase();
        if (outline.tasks.has(id) || outline.goals.has(id)) outline.withHistory.add(id);
      }
    }
    return outline;
  }

  get total(): number {
    return members.reduce((sum, member) => sum + this.counts[member], 0);
  }

  private async add(item: DocumentItem): Promise<void> {
    const problem = memberProblem(item);
    if (problem) this.errors.addProblem(problem);
    if (!isMember(item.member)) return;
    try {
      const row = await checkItem(item);
      this.limit(item.member, ++this.counts[item.member]);
      this.addRow(item.member, item.index!, row);
    } catch (error) {
      this.errors.addProblem(error);
    }
  }

  private addRow(member: Member, index: number, row: Row): void {
    const id = row.id as string;
    switch (member) {
      case 'goals':
        this.requireUnique(member, index, this.goals.has(id));
        this.goals.set(id, { index, parent: linkOf(row.parent_goal_id), isTrashed: isTrashed(row) });
        break;
      case 'tasks':
        this.requireUnique(member, index, this.tasks.has(id));
        this.tasks.set(id, {
          index,
          parent: linkOf(row.parent_task_id),
          goal: linkOf(row.goal_id),
          isTrashed: isTrashed(row),
        });
        for (const name of (row.tags ?? []) as string[]) this.tagNames.set(name.toLowerCase(), name);
        this.limit('tags', this.tagNames.size);
        break;
      case 'tags':
        this.addTag(index, id, row.name as string);
        break;
      case 'time_entries':
        this.requireUnique(member, index, this.timeEntries.has(id));
        this.timeEntries.set(id, { index, task: row.task_id as string });
        this.addTimes(index, row);
        break;
      case 'dependencies':
        this.addDependency(index, row.task_id as string, row.depends_on_id as string);
        break;
      case 'history':
        break;
    }
  }

  private addTag(index: number, id: string, name: string): void {
    this.requireUnique('tags', index, this.tagIds.has(id));
    this.tagIds.add(id);
    const key = name.toLowerCase();
    if (this.tagsByName.has(key))
      this.errors.add(`tags[${index}].name`, 'duplicate', 'is the name of an earlier tag');
    this.tagsByName.add(key);
  }

  private addTimes(index: number, { started_at: start, ended_at: end }: Row): void {
    if (typeof end === 'string') {
      if (end < (start as string))
        this.errors.add(`time_entries[${index}].ended_at`, 'out_of_range', 'must not be before started_at');
    } else if (this.hasTimer)
      this.errors.add(
        `time_entries[${index}].ended_at`,
        'duplicate',
        'is null: only one timer can be running',
      );
    else this.hasTimer = true;
  }

  private addDependency(index: number, task: string, on: string): void {
    const pair = `${task} ${on}`;
    this.requireUnique('dependencies', index, this.pairs.has(pair));
    this.pairs.add(pair);
    this.dependencies.push({ index, task, on });
  }

  private requireUnique(member: Member, index: number, isKnown: boolean): void {
    if (isKnown) this.errors.add(placeOf({ member, index }), 'duplicate', 'has the id of an earlier item');
  }

  /** @throws Problem 409 */
  private limit(member: Member, count: number): void {
    const name = quotaOf[member];
    const quota = this.quotas[name];
    if (count > quota)
      throw quotaExceeded.create(`The document has too many ${member}. ${quotas[name].text(quota)}`);
  }

  /** Refuses cycles, and trees that are too deep. The database would refuse them too, without naming the place. */
  private checkLinks(): void {
    this.checkTree('goals', 'parent_goal_id', this.goals, this.quotas.goal_depth);
    this.checkTree('tasks', 'parent_task_id', this.tasks, maxTaskDepth);
    const wanted = new Map<string, string[]>();
    const indexes = new Map<string, number>();
    for (const { index, task, on } of this.dependencies) {
      (wanted.get(task) ?? wanted.set(task, []).get(task)!).push(on);
      indexes.set(`${task} ${on}`, index);
    }
    for (const { from, to } of linkWithoutCycles(new Map(), wanted).cut)
      this.errors.add(`dependencies[${indexes.get(`${from} ${to}`)}]`, 'dependency_cycle', 'closes a cycle');
    const refuse = (place: string, code: string) => this.errors.add(place, code, 'is in the trash');
    for (const { parent, index } of this.goals.values())
      if (this.isTrashed('goals', parent)) refuse(`goals[${index}].parent_goal_id`, 'goal_trashed');
    for (const { parent, goal, isTrashed, index } of this.tasks.values()) {
      if (this.isTrashed('goals', goal)) refuse(`tasks[${index}].goal_id`, 'goal_trashed');
      if (!isTrashed && this.isTrashed('tasks', parent))
        refuse(`tasks[${index}].parent_task_id`, 'parent_trashed');
    }
  }

  private isTrashed(member: 'goals' | 'tasks', id: string | null): boolean {
    return id !== null && this[member].get(id)?.isTrashed === true;
  }

  private checkTree(
    member: 'goals' | 'tasks',
    field: string,
    rows: ReadonlyMap<string, GoalOutline>,
    maxDepth: number,
  ): void {
    const parents = new Map([...rows].map(([id, { parent }]) => [id, parent]));
    for (const { from, rule } of linkParents(new Map(), parents, maxDepth).cut) {
      const place = `${member}[${rows.get(from)!.index}].${field}`;
      if (rule === 'cycle') this.errors.add(place, 'cycle', 'closes a cycle');
      else this.errors.add(place, 'too_deep', `is more than ${maxDepth - 1} levels deep`);
    }
  }
}

const quotaOf: Record<Member, QuotaName> = {
  goals: 'goals',
  tags: 'tags',
  tasks: 'tasks',
  time_entries: 'time_entries',
  dependencies: 'task_dependencies',
  history: 'imported_changes',
};

function isTrashed({ deleted_at: deletedAt }: Row): boolean {
  return typeof deletedAt === 'string';
}

function linkOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
