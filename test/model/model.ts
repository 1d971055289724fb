/*
 * A simple in-memory implementation of tasks, goals and tags of one user, with which the API must agree. It searches
 * linearly and computes all progress after each step.
 */

type TaskStatus = 'pending' | 'in_progress' | 'blocked' | 'completed' | 'cancelled';
type GoalStatus = 'active' | 'completed' | 'on_hold' | 'cancelled';

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
  /** The number of the step that moved it to the trash. */
  trashedInStep: number | null;
  dependencies: Set<string>;
  hasEntries: boolean;
  /** The fields of the last change with their old values. */
  before: Partial<TaskFields & { trashedInStep: number | null }> | null;
  /** The tags after the last change. Renaming or deleting a tag is not a change of its tasks. */
  tagsAfter: string[];
  /** The step that unlinked it from a goal in the trash, unless its goal was changed since. */
  unlinkedInStep: number | null;
}

export interface Goal {
  id: string;
  title: string;
  status: GoalStatus;
  progress: number | null;
  isManual: boolean;
  parent_goal_id: string | null;
  version: number;
  /** The number of the step that moved it to the trash. */
  trashedInStep: number | null;
  /** The fields of the last change with their old values. */
  before: Partial<GoalFields> | null;
  /** The fields of the last change with the values that it gave them. */
  after: Partial<GoalFields> | null;
  /** The step that unlinked it from its parent, unless its parent was changed since. */
  unlinkedInStep: number | null;
}

type GoalFields = Pick<Goal, 'status' | 'progress' | 'isManual' | 'parent_goal_id' | 'trashedInStep'>;

/** An operation that the API refuses with this status. */
export class Refused extends Error {
  constructor(readonly status: number) {
    super(String(status));
  }
}

const isOpen = ({ status, trashedInStep }: Task) =>
  !['completed', 'cancelled'].includes(status) && trashedInStep === null;
const isSameName = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

export class Model {
  tasks: Task[] = [];
  goals: Goal[] = [];
  tags: string[] = [];
  private step = 0;

  isBlocked(task: Task): boolean {
    return this.tasks.some((other) => task.dependencies.has(other.id) && isOpen(other));
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
      ...{ id, version: 1, trashedInStep: null, dependencies: new Set(), hasEntries: false },
      ...{ before: null, tagsAfter: [], unlinkedInStep: null },
    };
    this.checkParents(task, fields);
    task.tags = this.useTags(fields.tags ?? []);
    this.tasks.push(task);
    this.recomputeProgress();
    return task;
  }

  updateTask(id: string, changes: Partial<TaskFields>, force: boolean): Task {
    const task = this.liveTask(id);
    this.checkParents(task, changes);
    if (changes.status === 'completed' && task.status !== 'completed' && this.isBlocked(task) && !force)
      throw new Refused(409);
    const hours = changes.actual_hours;
    if (hours !== undefined && hours !== task.actual_hours && task.hasEntries) throw new Refused(409);
    const tags = changes.tags && this.useTags(changes.tags);
    this.write(task, { ...changes, ...(tags && { tags }) });
    this.recomputeProgress();
    return task;
  }

  reopenTask(id: string): Task {
    const { status } = this.liveTask(id);
    const isDone = status === 'completed' || status === 'cancelled';
    return this.updateTask(id, { status: isDone ? 'pending' : status }, false);
  }

  trashTask(id: string): void {
    this.step++;
    this.trash(this.liveTask(id));
    this.recomputeProgress();
  }

  restoreTask(id: string): Task {
    const task = this.task(id);
    const { trashedInStep } = task;
    if (trashedInStep === null) throw new Refused(404);
    if (this.tasks.some((parent) => parent.id === task.parent_task_id && parent.trashedInStep !== null))
      throw new Refused(409);
    const restore = (subtask: Task) => {
      this.write(subtask, { trashedInStep: null });
      for (const below of this.subtasksOf(subtask)) if (below.trashedInStep === trashedInStep) restore(below);
    };
    restore(task);
    this.recomputeProgress();
    return task;
  }

  deleteTask(id: string): void {
    const remove = (task: Task) => {
      this.subtasksOf(task).forEach(remove);
      this.tasks = this.tasks.filter((other) => other !== task);
      for (const other of this.tasks) other.dependencies.delete(task.id);
    };
    remove(this.task(id));
    this.recomputeProgress();
  }

  undo(id: string): Task {
    const task = this.task(id);
    if (!task.before) throw new Refused(409);
    if (task.before.tags && task.tags.join() !== task.tagsAfter.join()) throw new Refused(409);
    const { trashedInStep, ...fields } = task.before;
    if (trashedInStep === null) return this.restoreTask(id);
    if (trashedInStep === undefined && task.trashedInStep !== null) throw new Refused(409);
    if (trashedInStep === undefined) {
      const { version } = task;
      if (this.updateTask(id, fields, false).version === version) throw new Refused(409);
      return task;
    }
    this.trashTask(id);
    return task;
  }

  addDependency(id: string, otherId: string): void {
    const [task, other] = [this.liveTask(id), this.liveTask(otherId)];
    const dependsOnTask = (one: Task): boolean =>
      one === task || this.tasks.some((next) => one.dependencies.has(next.id) && dependsOnTask(next));
    if (dependsOnTask(other)) throw new Refused(409);
    task.dependencies.add(other.id);
  }

  removeDependency(id: string, otherId: string): void {
    if (!this.task(id).dependencies.delete(otherId)) throw new Refused(404);
  }

  /** Adds a time entry of one hour. */
  addHour(id: string): void {
    const task = this.liveTask(id);
    this.write(task, { actual_hours: task.hasEntries ? task.actual_hours! + 1 : 1 });
    task.hasEntries = true;
  }

  renameTag(name: string, newName: string): void {
    const merged = this.tags.find((other) => other !== name && isSameName(other, newName));
    this.tags = [...this.tags.filter((other) => other !== name && other !== merged), newName];
    this.updateTags((tags) =>
      tags.includes(name) || tags.includes(merged ?? name)
        ? [...tags.filter((tag) => tag !== name && tag !== merged), newName]
        : tags,
    );
  }

  deleteTag(name: string): void {
    this.tags = this.tags.filter((other) => other !== name);
    this.updateTags((tags) => tags.filter((tag) => tag !== name));
  }

  createGoal(id: string, title: string, parentGoalId: string | null, progress: number | null): Goal {
    if (parentGoalId !== null) this.liveGoal(parentGoalId);
    const status = progress === 100 ? 'completed' : 'active';
    const goal: Goal = {
      ...{ id, title, status, progress, isManual: progress !== null, parent_goal_id: parentGoalId },
      ...{ version: 1, trashedInStep: null, before: null, after: null, unlinkedInStep: null },
    };
    this.goals.push(goal);
    this.recomputeProgress();
    return goal;
  }

  moveGoal(id: string, parentGoalId: string | null): Goal {
    const goal = this.liveGoal(id);
    if (parentGoalId !== null && this.isBelow(parentGoalId, id)) throw new Refused(409);
    if (parentGoalId !== null) this.liveGoal(parentGoalId);
    this.writeGoal(goal, { parent_goal_id: parentGoalId });
    this.recomputeProgress();
    return goal;
  }

  setGoalStatus(id: string, status: GoalStatus): Goal {
    const goal = this.liveGoal(id);
    this.writeGoal(goal, { status });
    this.recomputeProgress();
    return goal;
  }

  reopenGoal(id: string): Goal {
    const { status } = this.liveGoal(id);
    return this.setGoalStatus(id, ['completed', 'cancelled'].includes(status) ? 'active' : status);
  }

  /** @param progress null to compute it */
  setProgress(id: string, progress: number | null): Goal {
    const goal = this.liveGoal(id);
    const isManual = progress !== null;
    const next = isManual || !goal.isManual ? (progress ?? goal.progress) : this.progressOf(goal);
    this.writeGoal(goal, { isManual, ...this.withProgress(goal, next) });
    this.recomputeProgress();
    return goal;
  }

  trashGoal(id: string, isTrashingTasks: boolean): void {
    const goal = this.liveGoal(id);
    this.step++;
    this.writeGoal(goal, { trashedInStep: this.step });
    this.recomputeProgress();
    this.unlinkFrom(id, isTrashingTasks);
  }

  restoreGoal(id: string): Goal {
    const goal = this.goal(id);
    const { trashedInStep: step } = goal;
    if (step === null) throw new Refused(404);
    const isOfStep = (task: Task) => task.trashedInStep === step;
    const restore = (task: Task) => {
      this.write(task, { trashedInStep: null });
      this.subtasksOf(task).filter(isOfStep).forEach(restore);
    };
    const isAtTop = ({ parent_task_id }: Task) =>
      !this.tasks.some((parent) => parent.id === parent_task_id && parent.trashedInStep !== null);
    this.tasks.filter((task) => isOfStep(task) && isAtTop(task)).forEach(restore);
    this.recomputeProgress();
    this.writeGoal(goal, { trashedInStep: null });
    for (const other of this.goals) {
      if (other.unlinkedInStep === step && !this.isBelow(id, other.id))
        this.writeGoal(other, { parent_goal_id: id });
    }
    for (const task of this.tasks) if (task.unlinkedInStep === step) this.write(task, { goal_id: id });
    this.recomputeProgress();
    return goal;
  }

  undoGoal(id: string): Goal {
    const goal = this.goal(id);
    const { before, after } = goal;
    if (!before) throw new Refused(409);
    const isChanged = Object.entries(after!).some(
      ([name, value]) => name !== 'trashedInStep' && goal[name as keyof Goal] !== value,
    );
    if (isChanged) throw new Refused(409);
    if (before.trashedInStep === null) return this.restoreGoal(id);
    if (before.trashedInStep !== undefined) {
      this.trashGoal(id, false);
      return goal;
    }
    if (goal.trashedInStep !== null) throw new Refused(409);
    if (before.parent_goal_id && this.isBelow(before.parent_goal_id, id)) throw new Refused(409);
    if (before.parent_goal_id) this.liveGoal(before.parent_goal_id);
    const { progress, ...others } = before;
    const isManual = before.isManual ?? goal.isManual;
    const isRecomputed = !isManual && goal.isManual;
    const next = isRecomputed
      ? this.progressOf(goal)
      : isManual && 'progress' in before
        ? progress!
        : goal.progress;
    const { version } = goal;
    this.writeGoal(goal, { ...this.withProgress(goal, next), ...others });
    if (goal.version === version) throw new Refused(409);
    this.recomputeProgress();
    return goal;
  }

  deleteGoal(id: string, isTrashingTasks: boolean): void {
    const goal = this.goal(id);
    this.step++;
    goal.parent_goal_id = null;
    this.recomputeProgress();
    this.unlinkFrom(id, isTrashingTasks);
    this.goals = this.goals.filter((other) => other !== goal);
    this.recomputeProgress();
  }

  /** Unlinks the subgoals and tasks of a goal, in the present step. */
  private unlinkFrom(id: string, isTrashingTasks: boolean): void {
    for (const other of this.goals) {
      if (other.parent_goal_id !== id) continue;
      this.writeGoal(other, { parent_goal_id: null });
      other.unlinkedInStep = this.step;
    }
    this.recomputeProgress();
    const linked = this.tasks.filter((task) => task.goal_id === id);
    if (isTrashingTasks) {
      const trash = (task: Task) => {
        if (task.trashedInStep !== null) return;
        this.write(task, { trashedInStep: this.step, ...(task.goal_id === id && { goal_id: null }) });
        this.subtasksOf(task).forEach(trash);
      };
      linked.forEach(trash);
      this.recomputeProgress();
    }
    for (const task of linked) {
      this.write(task, { goal_id: null });
      task.unlinkedInStep = this.step;
    }
    this.recomputeProgress();
  }

  /** Whether a goal is another one or below it. */
  private isBelow(id: string | null, otherId: string): boolean {
    return id !== null && (id === otherId || this.isBelow(this.goal(id).parent_goal_id, otherId));
  }

  private task(id: string): Task {
    const task = this.tasks.find((other) => other.id === id);
    if (!task) throw new Refused(404);
    return task;
  }

  private liveTask(id: string): Task {
    const task = this.task(id);
    if (task.trashedInStep !== null) throw new Refused(404);
    return task;
  }

  private goal(id: string): Goal {
    const goal = this.goals.find((other) => other.id === id);
    if (!goal) throw new Refused(404);
    return goal;
  }

  private liveGoal(id: string): Goal {
    const goal = this.goal(id);
    if (goal.trashedInStep !== null) throw new Refused(404);
    return goal;
  }

  private subtasksOf(task: Task): Task[] {
    return this.tasks.filter((other) => other.parent_task_id === task.id);
  }

  private trash(task: Task): void {
    if (task.trashedInStep !== null) return;
    this.write(task, { trashedInStep: this.step });
    for (const subtask of this.subtasksOf(task)) this.trash(subtask);
  }

  private checkParents(task: Task, { goal_id = null, parent_task_id = null }: Partial<TaskFields>): void {
    if (goal_id !== null) this.liveGoal(goal_id);
    if (parent_task_id === null) return;
    let ancestors = 0;
    for (let above: string | null = parent_task_id; above !== null; ancestors++) {
      if (above === task.id) throw new Refused(409);
      above = this.tasks.find((other) => other.id === above)?.parent_task_id ?? null;
    }
    const height = (one: Task): number =>
      Math.max(0, ...this.subtasksOf(one).map((subtask) => 1 + height(subtask)));
    const parent = this.tasks.find((other) => other.id === parent_task_id);
    if (parent && ancestors + height(task) > 10) throw new Refused(409);
    this.liveTask(parent_task_id);
  }

  /** Creates missing tags. @returns the existing spelling of each name */
  private useTags(names: string[]): string[] {
    for (const name of names) if (!this.tags.some((known) => isSameName(known, name))) this.tags.push(name);
    return this.tags.filter((known) => names.some((name) => isSameName(known, name))).sort(byName);
  }

  private updateTags(change: (tags: string[]) => string[]): void {
    for (const task of this.tasks) {
      const tags = change(task.tags).sort(byName);
      if (tags.join() !== task.tags.join()) task.version++;
      task.tags = tags;
    }
  }

  private write(task: Task, changes: Partial<TaskFields & { trashedInStep: number | null }>): void {
    const before = Object.entries(changes)
      .filter(([name, value]) => JSON.stringify(task[name as keyof Task]) !== JSON.stringify(value))
      .map(([name]) => [name, task[name as keyof Task]]);
    if (before.length === 0) return;
    task.before = Object.fromEntries(before) as Task['before'];
    if ('goal_id' in task.before!) task.unlinkedInStep = null;
    Object.assign(task, changes);
    task.tagsAfter = task.tags;
    task.version++;
  }

  private writeGoal(goal: Goal, changes: Partial<GoalFields>): void {
    const names = (Object.keys(changes) as (keyof GoalFields)[]).filter(
      (name) => goal[name] !== changes[name],
    );
    if (names.length === 0) return;
    goal.before = Object.fromEntries(names.map((name) => [name, goal[name]]));
    goal.after = Object.fromEntries(names.map((name) => [name, changes[name]]));
    if (names.includes('parent_goal_id')) goal.unlinkedInStep = null;
    Object.assign(goal, changes);
    goal.version++;
  }

  /** Recomputes progress from the leaves to the roots. Goals in the trash keep theirs. */
  private recomputeProgress(): void {
    const recompute = (goal: Goal) => {
      for (const subgoal of this.goals) if (subgoal.parent_goal_id === goal.id) recompute(subgoal);
      const isComputed = !goal.isManual && goal.trashedInStep === null;
      const progress = isComputed ? this.progressOf(goal) : goal.progress;
      if (progress === goal.progress) return;
      const changes = this.withProgress(goal, progress);
      // The history contains computed progress only if it changes the status.
      if (changes.status !== goal.status) return this.writeGoal(goal, changes);
      goal.progress = progress;
      goal.version++;
    };
    for (const goal of this.goals) if (goal.parent_goal_id === null) recompute(goal);
  }

  /** The progress of a goal with the status that it gives the goal. */
  private withProgress({ status, progress: old }: Goal, progress: number | null) {
    if (progress === 100 && old !== 100 && status === 'active')
      return { progress, status: 'completed' as const };
    if (old === 100 && progress !== 100 && status === 'completed')
      return { progress, status: 'active' as const };
    return { progress, status };
  }

  private progressOf({ id }: Goal): number | null {
    const tasks = this.tasks.filter(
      (t) => t.goal_id === id && t.trashedInStep === null && t.status !== 'cancelled',
    );
    const subgoals = this.goals.filter(
      (goal) =>
        goal.parent_goal_id === id &&
        goal.trashedInStep === null &&
        goal.progress !== null &&
        goal.status !== 'cancelled',
    );
    // Hundredths of a percent as [numerator, denominator]: rounding must not depend on binary fractions.
    const halves: [bigint, bigint][] = [];
    const done = tasks.filter(({ status }) => status === 'completed');
    if (tasks.length) halves.push([BigInt(10_000 * done.length), BigInt(tasks.length)]);
    const sum = subgoals.reduce((total, goal) => total + Math.round(goal.progress! * 100), 0);
    if (subgoals.length) halves.push([BigInt(sum), BigInt(subgoals.length)]);
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
