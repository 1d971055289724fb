import { createHash } from 'node:crypto';
import { hasAtMost, isVisibleText } from '../core/text';
import { horizonValues, statuses as goalStatuses } from '../goals/goal.dto';
import { priorities, statuses as taskStatuses } from '../tasks/task.dto';
import { Cells, isIdTime, isoTime, Note, shown, SourceRow, TimeOptions } from './cells';

/** The most that the API accepts; see the DTOs of tasks and goals. */
const [maxTitle, maxText, maxCategory, maxProject, maxPath] = [500, 20_000, 100, 200, 500];
const [maxTags, maxTag, maxHours] = [20, 50, 100_000];

/** The columns of the source that are read. Files of older versions lack some. */
export const sourceColumns = {
  goals: [
    'id',
    'title',
    'description',
    'horizon',
    'target_date',
    'status',
    'progress_percentage',
    'success_criteria',
    'parent_goal_id',
    'created_at',
    'updated_at',
    'metrics',
    'project_name',
    'repository_path',
  ],
  tasks: [
    'id',
    'title',
    'description',
    'priority',
    'status',
    'category',
    'estimated_hours',
    'actual_hours',
    'due_date',
    'created_at',
    'completed_at',
    'parent_goal_id',
    'dependencies',
    'notes',
    'tags',
    'project_name',
    'repository_path',
  ],
} as const;

export type SourceTable = keyof typeof sourceColumns;

/** Without these, a table is not one of the planner. */
export const requiredColumns = ['id', 'title', 'status', 'created_at'];

/** A row of the source in the columns of Cairn. References are still ids of the source. */
export interface ConvertedRow<Values> {
  values: Values;
  /** Milliseconds; also the time of the id in Cairn. */
  createdAt: number;
  /** The source id of the goal that the row belongs to. */
  goal: number | null;
  tags: string[];
  /** The source ids of the tasks that a task depends on. */
  dependencies: number[];
  notes: Note[];
}

export interface GoalValues {
  title: string;
  description: string | null;
  horizon: string | null;
  target_date: string | null;
  status: string;
  progress: number | null;
  success_criteria: string | null;
  metrics: Record<string, unknown> | null;
  project_name: string | null;
  completed_at: string | null;
  created_at: string;
}

export interface TaskValues {
  title: string;
  description: string | null;
  notes: string | null;
  status: string;
  priority: number;
  category: string | null;
  due_date: string | null;
  estimated_hours: number | null;
  actual_hours: number | null;
  project_name: string | null;
  repository_path: string | null;
  completed_at: string | null;
  created_at: string;
}

/** Identifies a row of the source. Ids were reused after deletions, so the time of creation is a part of it. */
export function sourceKey({ id, created_at }: SourceRow): string {
  const created = typeof created_at === 'string' ? created_at : shown(created_at);
  return `${id as number} ${created.length > 40 ? sha256(created) : created}`;
}

/** Changes when the row changes in the source. */
export function sourceHash(table: SourceTable, row: SourceRow): string {
  const cells = sourceColumns[table].map((column) => {
    const cell = row[column] ?? null;
    if (cell instanceof Uint8Array) return { bytes: Buffer.from(cell).toString('base64') };
    return typeof cell === 'bigint' ? String(cell) : cell;
  });
  return sha256(JSON.stringify(cells));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function convertGoal(row: SourceRow, times: TimeOptions): ConvertedRow<GoalValues> {
  const cells = new Cells(row);
  const created = cells.utcTime('created_at');
  const createdAt = createdTime(cells, created, null, times);
  const status = cells.oneOf('status', goalStatuses, 'active', 'status');
  const completedAt =
    status === 'completed' ? completedTime(cells, cells.utcTime('updated_at'), createdAt) : null;
  const values: GoalValues = {
    title: cells.title('title', maxTitle),
    description: cells.text('description', maxText),
    horizon: cells.oneOf('horizon', horizonValues, null, 'horizon'),
    target_date: isoTime(cells.localTime('target_date', times)),
    status,
    progress: cells.percentage('progress_percentage'),
    success_criteria: cells.text('success_criteria', maxText),
    metrics: cells.object('metrics', maxText),
    project_name: cells.name('project_name', maxProject),
    completed_at: isoTime(completedAt),
    created_at: isoTime(createdAt),
  };
  const goal = referenceOf(cells, 'parent_goal_id');
  return { values, createdAt, goal, tags: [], dependencies: [], notes: cells.notes };
}

export function convertTask(row: SourceRow, times: TimeOptions): ConvertedRow<TaskValues> {
  const cells = new Cells(row);
  const created = cells.mixedTime('created_at', times);
  const completed = cells.localTime('completed_at', times);
  const createdAt = createdTime(cells, created, completed, times);
  const status = cells.oneOf('status', taskStatuses, 'pending', 'status');
  const values: TaskValues = {
    title: cells.title('title', maxTitle),
    description: cells.text('description', maxText),
    notes: cells.text('notes', maxText),
    status,
    priority: cells.priority('priority', priorities),
    category: cells.name('category', maxCategory),
    due_date: isoTime(cells.localTime('due_date', times)),
    estimated_hours: cells.decimal('estimated_hours', 0, maxHours),
    actual_hours: cells.decimal('actual_hours', 0, maxHours),
    project_name: cells.name('project_name', maxProject),
    repository_path: cells.text('repository_path', maxPath),
    completed_at: isoTime(completedTimeOfTask(cells, status, completed, createdAt)),
    created_at: isoTime(createdAt),
  };
  return {
    values,
    createdAt,
    goal: referenceOf(cells, 'parent_goal_id'),
    tags: tagsOf(cells),
    dependencies: dependenciesOf(cells),
    notes: cells.notes,
  };
}

function createdTime(
  cells: Cells,
  created: number | null,
  completed: number | null,
  times: TimeOptions,
): number {
  if (isIdTime(created)) return created;
  const time = isIdTime(completed) ? completed : times.importedAt;
  cells.note(
    'created',
    'created_at',
    `${shown(cells.cell('created_at'))} → ${isoTime(time)}`,
    cells.cell('created_at'),
  );
  return time;
}

/** @param last the last time at which the row is known to have changed */
function completedTime(cells: Cells, last: number | null, createdAt: number): number {
  const time = last ?? createdAt;
  const column = last === null ? 'created_at' : 'updated_at';
  cells.note('completed', 'completed_at', `none → ${isoTime(time)}, from ${column}`);
  return time;
}

function completedTimeOfTask(
  cells: Cells,
  status: string,
  completed: number | null,
  createdAt: number,
): number | null {
  if (status === 'completed') return completed ?? completedTime(cells, null, createdAt);
  if (completed !== null) {
    const cell = cells.cell('completed_at');
    cells.note('notCompleted', 'completed_at', `${shown(cell)}, but the status is ${status} → none`, cell);
  }
  return null;
}

function referenceOf(cells: Cells, column: string): number | null {
  const cell = cells.cell(column);
  if (cell === null) return null;
  const id = toId(cell);
  if (id === undefined) cells.note('orphan', column, `${shown(cell)} → none`, cell);
  return id ?? null;
}

/** Names of tags, trimmed and without duplicates, like the API accepts them. */
function tagsOf(cells: Cells): string[] {
  const tags = new Map<string, string>();
  for (const item of cells.list('tags')) {
    const name = typeof item === 'string' ? item.trim().replaceAll('\0', '').toWellFormed() : '';
    const first = tags.get(name.toLowerCase());
    if (first === undefined && isVisibleText(name)) {
      tags.set(name.toLowerCase(), name);
      if (name !== item && name !== (item as string).trim())
        cells.note('characters', 'tags', `${shown(item)} → ${shown(name)}`, cells.cell('tags'));
      if (!hasAtMost(maxTag, name)) {
        cells.refuse('tags', `has the tag ${shown(name)}; Cairn stores tags of at most ${maxTag} characters`);
      }
    } else if (first !== name) {
      cells.note(
        'tags',
        'tags',
        `${shown(item)} → ${first === undefined ? 'left out' : shown(first)}`,
        cells.cell('tags'),
      );
    }
  }
  if (tags.size > maxTags)
    cells.refuse('tags', `has ${tags.size} tags; Cairn stores at most ${maxTags} for a task`);
  return [...tags.values()];
}

function dependenciesOf(cells: Cells): number[] {
  const ids = new Set<number>();
  for (const item of cells.list('dependencies')) {
    const id = toId(item);
    if (id === undefined)
      cells.note('orphan', 'dependencies', `${shown(item)} → left out`, cells.cell('dependencies'));
    else ids.add(id);
  }
  return [...ids];
}

function toId(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}
