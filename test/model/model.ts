/*
 * Cairn in memory, for one user, as simple as can be: what the API has to agree with. Everything is looked for by going
 * through all there is, and progress is computed anew after each step.
 */

export type TaskStatus = 'pending' | 'in_progress' | 'blocked' | 'completed' | 'cancelled';
export type GoalStatus = 'active' | 'completed' | 'on_hold' | 'cancelled';

export interface TaskFields {
  title: string;
  status: TaskStatus;
  priority: number;
  goal_id: string | null;
  parent_task_id: string | null;
  tags: string[];
  actual_hours: number | null;
}

export interface Task extends TaskFields {
  id: string;
  version: number;
  /** In which step it went to the trash. */
  trashed: number | null;
  needs: Set<string>;
  hasEntries: boolean;
  /** What the last change has changed, as it was. */
  before: Partial<TaskFields & { trashed: number | null }> | null;
}

export interface Goal {
  id: string;
  title: string;
  status: GoalStatus;
  progress: number | null;
  isManual: boolean;
  parent_goal_id: string | null;
  version: number;
}

/** What the API answers with such a status. */
export class Refused extends Error {
  constructor(readonly status: number) {
    super(String(status));
  }
}

const isOpen = ({ status, trashed }: Task) =>
  !['completed', 'cancelled'].includes(status) && trashed === null;
const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

export class Model {
  tasks: Task[] = [];
  goals: Goal[] = [];
  tags: string[] = [];
  private step = 0;

  isBlocked(task: Task): boolean {
    return this.tasks.some((other) => task.needs.has(other.id) && isOpen(other));
  }

  createTask(id: string, fields: Partial<TaskFields>): Task {
    const task: Task = {
      ...{
        title: '',
        status: 'pending',
        priority: 3,
        goal_id: null,
        parent_task_id: null,
        actual_hours: null,
      },
      ...fields,
      tags: [],
      ...{ id, version: 1, trashed: null, needs: new Set(), hasEntries: false, before: null },
    };
    this.checkLinks(task, fields);
    task.tags = this.useTags(fields.tags ?? []);
    this.tasks.push(task);
    this.settle();
    return task;
  }

  changeTask(id: string, changes: Partial<TaskFields>, force: boolean): Task {
    const task = this.liveTask(id);
    this.checkLinks(task, changes);
    if (changes.status === 'completed' && task.status !== 'completed' && this.isBlocked(task) && !force)
      throw new Refused(409);
    const hours = changes.actual_hours;
    if (hours !== undefined && hours !== task.actual_hours && task.hasEntries) throw new Refused(409);
    const tags = changes.tags && this.useTags(changes.tags);
    this.write(task, { ...changes, ...(tags && { tags }) });
    this.settle();
    return task;
  }

  reopenTask(id: string): Task {
    const { status } = this.liveTask(id);
    const isDone = status === 'completed' || status === 'cancelled';
    return this.changeTask(id, { status: isDone ? 'pending' : status }, false);
  }

  trashTask(id: string): void {
    this.step++;
    this.trash(this.liveTask(id));
    this.settle();
  }

  restoreTask(id: string): Task {
    const task = this.task(id);
    const { trashed } = task;
    if (trashed === null) throw new Refused(404);
    if (this.tasks.some((parent) => parent.id === task.parent_task_id && parent.trashed !== null))
      throw new Refused(409);
    const restore = (part: Task) => {
      this.write(part, { trashed: null });
      for (const below of this.partsOf(part)) if (below.trashed === trashed) restore(below);
    };
    restore(task);
    this.settle();
    return task;
  }

  removeTask(id: string): void {
    const remove = (task: Task) => {
      this.partsOf(task).forEach(remove);
      this.tasks = this.tasks.filter((other) => other !== task);
      for (const other of this.tasks) other.needs.delete(task.id);
    };
    remove(this.task(id));
    this.settle();
  }

  undo(id: string): Task {
    const task = this.task(id);
    if (!task.before) throw new Refused(409);
    const { trashed, ...fields } = task.before;
    if (trashed === null) return this.restoreTask(id);
    if (trashed === undefined && task.trashed !== null) throw new Refused(409);
    if (trashed === undefined) {
      const { version } = task;
      if (this.changeTask(id, fields, false).version === version) throw new Refused(409);
      return task;
    }
    this.trashTask(id);
    return task;
  }

  depend(id: string, otherId: string): void {
    const [task, other] = [this.liveTask(id), this.liveTask(otherId)];
    const needs = (one: Task): boolean =>
      one === task || this.tasks.some((next) => one.needs.has(next.id) && needs(next));
    if (needs(other)) throw new Refused(409);
    task.needs.add(other.id);
  }

  undepend(id: string, otherId: string): void {
    if (!this.task(id).needs.delete(otherId)) throw new Refused(404);
  }

  /** An hour of work. */
  addHour(id: string): void {
    const task = this.liveTask(id);
    this.write(task, { actual_hours: task.hasEntries ? task.actual_hours! + 1 : 1 });
    task.hasEntries = true;
  }

  renameTag(name: string, wanted: string): void {
    const merged = this.tags.find((other) => other !== name && same(other, wanted));
    this.tags = [...this.tags.filter((other) => other !== name && other !== merged), wanted];
    this.retag((tags) =>
      tags.includes(name) || tags.includes(merged ?? name)
        ? [...tags.filter((tag) => tag !== name && tag !== merged), wanted]
        : tags,
    );
  }

  removeTag(name: string): void {
    this.tags = this.tags.filter((other) => other !== name);
    this.retag((tags) => tags.filter((tag) => tag !== name));
  }

  createGoal(id: string, title: string, parentGoalId: string | null, progress: number | null): Goal {
    if (parentGoalId !== null) this.goal(parentGoalId);
    const status = progress === 100 ? 'completed' : 'active';
    const goal: Goal = {
      id,
      title,
      status,
      progress,
      isManual: progress !== null,
      parent_goal_id: parentGoalId,
      version: 1,
    };
    this.goals.push(goal);
    this.settle();
    return goal;
  }

  moveGoal(id: string, parentGoalId: string | null): Goal {
    const goal = this.goal(id);
    for (let above = parentGoalId; above !== null; above = this.goal(above).parent_goal_id)
      if (above === id) throw new Refused(409);
    if (goal.parent_goal_id !== parentGoalId) goal.version++;
    goal.parent_goal_id = parentGoalId;
    this.settle();
    return goal;
  }

  setGoalStatus(id: string, status: GoalStatus): Goal {
    const goal = this.goal(id);
    if (goal.status !== status) goal.version++;
    goal.status = status;
    this.settle();
    return goal;
  }

  reopenGoal(id: string): Goal {
    const { status } = this.goal(id);
    return this.setGoalStatus(id, ['completed', 'cancelled'].includes(status) ? 'active' : status);
  }

  /** @param progress null: to be computed */
  setProgress(id: string, progress: number | null): Goal {
    const goal = this.goal(id);
    const isManual = progress !== null;
    if (goal.isManual !== isManual || (isManual && goal.progress !== progress)) {
      goal.isManual = isManual;
      this.reach(goal, isManual ? progress : this.progressOf(goal));
      goal.version++;
    }
    this.settle();
    return goal;
  }

  removeGoal(id: string, isTrashing: boolean): void {
    const goal = this.goal(id);
    this.step++;
    for (const other of this.goals) {
      if (other.parent_goal_id !== id) continue;
      other.parent_goal_id = null;
      other.version++;
    }
    goal.parent_goal_id = null;
    this.settle();
    if (isTrashing) {
      const trash = (task: Task) => {
        if (task.trashed !== null) return;
        this.write(task, { trashed: this.step, ...(task.goal_id === id && { goal_id: null }) });
        this.partsOf(task).forEach(trash);
      };
      this.tasks.filter((task) => task.goal_id === id).forEach(trash);
      this.settle();
    }
    for (const task of this.tasks) if (task.goal_id === id) this.write(task, { goal_id: null });
    this.goals = this.goals.filter((other) => other !== goal);
    this.settle();
  }

  private task(id: string): Task {
    const task = this.tasks.find((other) => other.id === id);
    if (!task) throw new Refused(404);
    return task;
  }

  private liveTask(id: string): Task {
    const task = this.task(id);
    if (task.trashed !== null) throw new Refused(404);
    return task;
  }

  private goal(id: string): Goal {
    const goal = this.goals.find((other) => other.id === id);
    if (!goal) throw new Refused(404);
    return goal;
  }

  private partsOf(task: Task): Task[] {
    return this.tasks.filter((part) => part.parent_task_id === task.id);
  }

  private trash(task: Task): void {
    if (task.trashed !== null) return;
    this.write(task, { trashed: this.step });
    for (const part of this.partsOf(task)) this.trash(part);
  }

  private checkLinks(task: Task, { goal_id = null, parent_task_id = null }: Partial<TaskFields>): void {
    if (goal_id !== null) this.goal(goal_id);
    if (parent_task_id === null) return;
    let ancestors = 0;
    for (let above: string | null = parent_task_id; above !== null; ancestors++) {
      if (above === task.id) throw new Refused(409);
      above = this.tasks.find((other) => other.id === above)?.parent_task_id ?? null;
    }
    const height = (one: Task): number => Math.max(0, ...this.partsOf(one).map((part) => 1 + height(part)));
    const parent = this.tasks.find((other) => other.id === parent_task_id);
    if (parent && ancestors + height(task) > 10) throw new Refused(409);
    this.liveTask(parent_task_id);
  }

  /** The names by which tags of these names are known; they are made where they are new. */
  private useTags(names: string[]): string[] {
    for (const name of names) if (!this.tags.some((known) => same(known, name))) this.tags.push(name);
    return this.tags.filter((known) => names.some((name) => same(known, name))).sort(byName);
  }

  private retag(change: (tags: string[]) => string[]): void {
    for (const task of this.tasks) this.write(task, { tags: change(task.tags).sort(byName) });
  }

  private write(task: Task, changes: Partial<TaskFields & { trashed: number | null }>): void {
    const before = Object.entries(changes)
      .filter(([name, value]) => JSON.stringify(task[name as keyof Task]) !== JSON.stringify(value))
      .map(([name]) => [name, task[name as keyof Task]]);
    if (before.length === 0) return;
    task.before = Object.fromEntries(before) as Task['before'];
    Object.assign(task, changes);
    task.version++;
  }

  /** Progress from the leaves up. */
  private settle(): void {
    const settle = (goal: Goal) => {
      for (const part of this.goals) if (part.parent_goal_id === goal.id) settle(part);
      const progress = goal.isManual ? goal.progress : this.progressOf(goal);
      if (progress === goal.progress) return;
      this.reach(goal, progress);
      goal.version++;
    };
    for (const goal of this.goals) if (goal.parent_goal_id === null) settle(goal);
  }

  private reach(goal: Goal, progress: number | null): void {
    if (progress === 100 && goal.progress !== 100 && goal.status === 'active') goal.status = 'completed';
    else if (goal.progress === 100 && progress !== 100 && goal.status === 'completed') goal.status = 'active';
    goal.progress = progress;
  }

  private progressOf({ id }: Goal): number | null {
    const tasks = this.tasks.filter(
      (t) => t.goal_id === id && t.trashed === null && t.status !== 'cancelled',
    );
    const parts = this.goals.filter(
      (part) => part.parent_goal_id === id && part.progress !== null && part.status !== 'cancelled',
    );
    // Fractions of hundredths, as [numerator, denominator]: rounding must not depend on binary fractions.
    const halves: [bigint, bigint][] = [];
    const done = tasks.filter(({ status }) => status === 'completed');
    if (tasks.length) halves.push([BigInt(10_000 * done.length), BigInt(tasks.length)]);
    const sum = parts.reduce((total, part) => total + Math.round(part.progress! * 100), 0);
    if (parts.length) halves.push([BigInt(sum), BigInt(parts.length)]);
    if (halves.length === 0) return null;
    const [[a, b], [c, d]] = [halves[0]!, halves[1] ?? halves[0]!];
    const [top, bottom] = [a * d + c * b, 2n * b * d];
    const rounded = Number((2n * top + bottom) / (2n * bottom)) / 100;
    return rounded === 100 && top < 10_000n * bottom ? 99.99 : rounded;
  }
}

function byName(one: string, other: string): number {
  return one.toLowerCase() < other.toLowerCase() ? -1 : 1;
}
