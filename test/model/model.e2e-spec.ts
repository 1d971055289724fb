import fc from 'fast-check';
import { startApp, TestApp } from '../setup/app';
import { Json, newUser, TestUser } from '../setup/factories';
import { Goal, Model, Refused, Task, TaskFields } from './model';

/*
 * Runs thousands of random steps against the API and an in-memory model, and compares each response and the resulting
 * lists. PROPERTY_SEED selects other steps.
 */
const seed = Number(process.env.PROPERTY_SEED ?? 20261121);
const [runs, stepsPerRun, stepsBetweenComparisons] = [16, 250, 25];

let app: TestApp;
beforeAll(async () => (app = await startApp()));
afterAll(() => app.close());

/** Selects a row: see `pick`. */
const rowNumber = fc.noBias(fc.nat(9_999));
const optionalRow = fc.option(rowNumber, { nil: null, freq: 3 });
const status = fc.constantFrom('pending', 'in_progress', 'blocked', 'completed', 'cancelled');
const progress = fc.constantFrom(0, 12.5, 33.33, 99.99, 100);
const tags = fc.uniqueArray(fc.constantFrom('alpha', 'Beta', 'gamma', 'delta'), { maxLength: 3 });
const tagName = fc.constantFrom('alpha', 'ALPHA', 'Beta', 'gamma', 'epsilon');

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('create task'),
      status,
      tags,
      goal: optionalRow,
      parent: optionalRow,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('update'),
      task: rowNumber,
      title: fc.constantFrom('A', 'B', 'C'),
      tags,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('set status'), task: rowNumber, status, force: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('complete'), task: rowNumber, force: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen'), task: rowNumber }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('set goal'), task: rowNumber, goal: optionalRow }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('set parent'), task: rowNumber, parent: optionalRow }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trash'), task: rowNumber }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restore'), task: rowNumber }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete'), task: rowNumber }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('undo'), task: rowNumber }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('add dependency'), task: rowNumber, other: rowNumber }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove dependency'), task: rowNumber, other: rowNumber }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('add hour'), task: rowNumber }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('set hours'),
      task: rowNumber,
      hours: fc.constantFrom(null, 2, 7.25),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rename tag'), tag: rowNumber, name: tagName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete tag'), tag: rowNumber }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('create goal'),
      parent: optionalRow,
      progress: fc.option(progress, { freq: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('move goal'), goal: rowNumber, parent: optionalRow }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('set goal status'),
      goal: rowNumber,
      status: fc.constantFrom('active', 'completed', 'on_hold', 'cancelled'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen goal'), goal: rowNumber }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('set progress'),
      goal: rowNumber,
      progress: fc.option(progress, { freq: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('delete goal'), goal: rowNumber, trashing: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('trash goal'), goal: rowNumber, trashing: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restore goal'), goal: rowNumber }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('undo goal'), goal: rowNumber }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One user of the API with the model of their data. */
class Comparison {
  private readonly model = new Model();
  private readonly deletedIds: string[] = [];
  private count = 0;

  constructor(private readonly user: TestUser) {}

  async run(step: Step): Promise<void> {
    const { api } = this.user;
    const { tasks, goals } = this.model;
    const isTrashed = ({ trashedInStep }: Task | Goal) => trashedInStep !== null;
    const [live, trash] = [tasks.filter((one) => !isTrashed(one)), tasks.filter(isTrashed)];
    const task = (n: number) => pick(n % 17 === 0 ? trash : live, this.deletedIds, n);
    const [liveGoals, goalTrash] = [goals.filter((one) => !isTrashed(one)), goals.filter(isTrashed)];
    const goal = (n: number) => pick(n % 17 === 0 ? goalTrash : liveGoals, this.deletedIds, n);
    const link = (n: number | null, one: (n: number) => string) => (n === null ? null : one(n));
    const title = `Step ${++this.count}`;
    const patch = (id: string, fields: object, force = false) =>
      api.patch(`/tasks/${id}?force=${force}`, fields);
    switch (step.do) {
      case 'create task': {
        const { status, tags } = step as { status: TaskFields['status']; tags: string[] };
        const fields = {
          title,
          status,
          tags,
          goal_id: link(step.goal, goal),
          parent_task_id: link(step.parent, task),
        };
        const { status: actualStatus, body } = await api.post('/tasks', fields);
        const { id } = body as Json;
        return this.expectAgreement(actualStatus, 201, body, () => this.model.createTask(id, fields));
      }
      case 'update': {
        const [id, fields] = [task(step.task), { title: step.title, tags: step.tags }];
        const { status, body } = await patch(id, fields);
        return this.expectAgreement(status, 200, body, () => this.model.updateTask(id, fields, false));
      }
      case 'set status': {
        const [id, fields] = [task(step.task), { status: step.status }];
        const { status, body } = await patch(id, fields, step.force);
        return this.expectAgreement(status, 200, body, () => this.model.updateTask(id, fields, step.force));
      }
      case 'complete': {
        const blocked = live.filter((one) => this.model.isBlocked(one));
        const id = pick(step.task % 2 === 0 ? blocked : live, this.deletedIds, step.task);
        const { status, body } = await api.post(`/tasks/${id}/complete?force=${step.force}`);
        return this.expectAgreement(status, 200, body, () =>
          this.model.updateTask(id, { status: 'completed' }, step.force),
        );
      }
      case 'reopen': {
        const id = task(step.task);
        const { status, body } = await api.post(`/tasks/${id}/reopen`);
        return this.expectAgreement(status, 200, body, () => this.model.reopenTask(id));
      }
      case 'set goal': {
        const [id, fields] = [task(step.task), { goal_id: link(step.goal, goal) }];
        const { status, body } = await patch(id, fields);
        return this.expectAgreement(status, 200, body, () => this.model.updateTask(id, fields, false));
      }
      case 'set parent': {
        const [id, fields] = [task(step.task), { parent_task_id: link(step.parent, task) }];
        const { status, body } = await patch(id, fields);
        return this.expectAgreement(status, 200, body, () => this.model.updateTask(id, fields, false));
      }
      case 'set hours': {
        const [id, fields] = [task(step.task), { actual_hours: step.hours }];
        const { status, body } = await patch(id, fields);
        return this.expectAgreement(status, 200, body, () => this.model.updateTask(id, fields, false));
      }
      case 'trash': {
        const id = task(step.task);
        const { status } = await api.delete(`/tasks/${id}`);
        return this.expectAgreement(status, 204, undefined, () => this.model.trashTask(id));
      }
      case 'restore': {
        const id = pick(step.task % 17 === 0 ? live : trash, this.deletedIds, step.task);
        const { status, body } = await api.post(`/tasks/${id}/restore`);
        return this.expectAgreement(status, 200, body, () => this.model.restoreTask(id));
      }
      case 'delete': {
        const id = task(step.task);
        const { status } = await api.delete(`/tasks/${id}?permanent=true`);
        if (status === 204) this.deletedIds.push(id);
        return this.expectAgreement(status, 204, undefined, () => this.model.deleteTask(id));
      }
      case 'undo': {
        const id = pick(tasks, this.deletedIds, step.task);
        const { status, body } = await api.post(`/tasks/${id}/undo`);
        return this.expectAgreement(status, 200, body, () => this.model.undo(id));
      }
      case 'add dependency': {
        const [id, other] = [task(step.task), task(step.other)];
        const { status } = await api.put(`/tasks/${id}/dependencies/${other}`);
        return this.expectAgreement(status, 204, undefined, () => this.model.addDependency(id, other));
      }
      case 'remove dependency': {
        const dependent = pick(
          tasks.filter(({ dependencies }) => dependencies.size > 0),
          this.deletedIds,
          step.task,
        );
        const required = tasks.filter((one) =>
          tasks.find(({ id }) => id === dependent)?.dependencies.has(one.id),
        );
        const [id, other] = [dependent, pick(required, this.deletedIds, step.other)];
        const { status } = await api.delete(`/tasks/${id}/dependencies/${other}`);
        return this.expectAgreement(status, 204, undefined, () => this.model.removeDependency(id, other));
      }
      case 'add hour': {
        const id = task(step.task);
        const { status } = await api.post(`/tasks/${id}/time-entries`, { hours: 1 });
        return this.expectAgreement(status, 201, undefined, () => this.model.addHour(id));
      }
      case 'rename tag':
      case 'delete tag': {
        const tags = await this.list('/tags');
        const chosen = tags[step.tag % tags.length];
        if (!chosen) return;
        const old = String(chosen.name);
        if ('name' in step) {
          const { status } = await api.patch(`/tags/${chosen.id}`, { name: step.name });
          return this.expectAgreement(status, 200, undefined, () => this.model.renameTag(old, step.name));
        }
        const { status } = await api.delete(`/tags/${chosen.id}`);
        return this.expectAgreement(status, 204, undefined, () => this.model.deleteTag(old));
      }
      case 'create goal': {
        const parentGoalId = link(step.parent, goal);
        const { status, body } = await api.post('/goals', {
          title,
          parent_goal_id: parentGoalId,
          progress: step.progress,
        });
        const { id } = body as Json;
        return this.expectAgreement(status, 201, body, () =>
          this.model.createGoal(id, title, parentGoalId, step.progress),
        );
      }
      case 'move goal': {
        const [id, parentGoalId] = [goal(step.goal), link(step.parent, goal)];
        const { status, body } = await api.patch(`/goals/${id}`, { parent_goal_id: parentGoalId });
        return this.expectAgreement(status, 200, body, () => this.model.moveGoal(id, parentGoalId));
      }
      case 'set goal status': {
        const id = goal(step.goal);
        const { status, body } = await api.patch(`/goals/${id}`, { status: step.status });
        return this.expectAgreement(status, 200, body, () => this.model.setGoalStatus(id, step.status));
      }
      case 'reopen goal': {
        const id = goal(step.goal);
        const { status, body } = await api.post(`/goals/${id}/reopen`);
        return this.expectAgreement(status, 200, body, () => this.model.reopenGoal(id));
      }
      case 'set progress': {
        const id = goal(step.goal);
        const { status, body } = await api.patch(`/goals/${id}`, { progress: step.progress });
        return this.expectAgreement(status, 200, body, () => this.model.setProgress(id, step.progress));
      }
      case 'delete goal': {
        const id = goal(step.goal);
        const { status } = await api.delete(
          `/goals/${id}?permanent=true${step.trashing ? '&tasks=trash' : ''}`,
        );
        if (status === 204) this.deletedIds.push(id);
        return this.expectAgreement(status, 204, undefined, () => this.model.deleteGoal(id, step.trashing));
      }
      case 'trash goal': {
        const id = goal(step.goal);
        const { status } = await api.delete(`/goals/${id}${step.trashing ? '?tasks=trash' : ''}`);
        return this.expectAgreement(status, 204, undefined, () => this.model.trashGoal(id, step.trashing));
      }
      case 'restore goal': {
        const id = pick(step.goal % 17 === 0 ? liveGoals : goalTrash, this.deletedIds, step.goal);
        const { status, body } = await api.post(`/goals/${id}/restore`);
        return this.expectAgreement(status, 200, body, () => this.model.restoreGoal(id));
      }
      case 'undo goal': {
        const id = pick(goals, this.deletedIds, step.goal);
        const { status, body } = await api.post(`/goals/${id}/undo`);
        return this.expectAgreement(status, 200, body, () => this.model.undoGoal(id));
      }
    }
  }

  /** Compares all lists of the API with the model. */
  async compare(): Promise<void> {
    const { tasks, goals, tags } = this.model;
    const shown = [...(await this.list('/tasks')), ...(await this.list('/tasks?trashed=true'))];
    const byId = (rows: { id: unknown }[]) => rows.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
    expect(byId(shown.map(shownTask))).toEqual(byId(tasks.map((task) => this.expectedTask(task))));
    const shownGoals = [...(await this.list('/goals')), ...(await this.list('/goals?trashed=true'))];
    expect(byId(shownGoals.map(shownGoal))).toEqual(byId(goals.map(expectedGoal)));
    expect((await this.list('/tags')).map(({ name }) => name).sort()).toEqual([...tags].sort());
    const live = tasks.filter(({ trashedInStep }) => trashedInStep === null);
    const ids = async (path: string) => (await this.list(path)).map(({ id }) => id).sort();
    const expectedIds = (matches: (task: Task) => boolean) =>
      live
        .filter(matches)
        .map(({ id }) => id)
        .sort();
    expect(await ids('/tasks?is_blocked=true')).toEqual(expectedIds((task) => this.model.isBlocked(task)));
    expect(await ids('/tasks?tag=alpha,beta')).toEqual(
      expectedIds((task) => task.tags.some((tag) => ['alpha', 'beta'].includes(tag.toLowerCase()))),
    );
    const { body } = await this.user.api.get('/tasks/summary').expect(200);
    const { total, by_status } = body as { total: number; by_status: Record<string, number> };
    expect([total, by_status.completed]).toEqual([
      live.length,
      live.filter(({ status }) => status === 'completed').length,
    ]);
  }

  private expectAgreement(
    actualStatus: number,
    successStatus: number,
    body: unknown,
    change: () => Task | Goal | void,
  ): void {
    let known: Task | Goal | void = undefined;
    let expectedStatus = successStatus;
    try {
      known = change();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      expectedStatus = error.status;
    }
    expect(actualStatus).toBe(expectedStatus);
    if (!known || body === undefined) return;
    if ('tags' in known) expect(shownTask(body as Json)).toEqual(this.expectedTask(known));
    else expect(shownGoal(body as Json)).toEqual(expectedGoal(known));
  }

  private expectedTask(task: Task) {
    const {
      id,
      title,
      status,
      priority,
      goal_id,
      parent_task_id,
      tags,
      actual_hours,
      version,
      trashedInStep,
    } = task;
    return {
      ...{ id, title, status, priority, goal_id, parent_task_id, tags, actual_hours, version },
      is_blocked: this.model.isBlocked(task),
      completed: status === 'completed',
      isCompletedAt: status === 'completed',
      isTrashed: trashedInStep !== null,
    };
  }

  private async list(path: string): Promise<Json[]> {
    const { body } = await this.user.api.get(`${path}${path.includes('?') ? '&' : '?'}limit=200`).expect(200);
    return (body as { items: Json[] }).items;
  }
}

function shownTask(json: Json): { id: string } {
  const { id, title, status, priority, goal_id, parent_task_id, tags, actual_hours, version } = json;
  const { is_blocked, completed, completed_at, deleted_at } = json;
  return {
    ...{
      id,
      title,
      status,
      priority,
      goal_id,
      parent_task_id,
      tags,
      actual_hours,
      version,
      is_blocked,
      completed,
    },
    ...{ isCompletedAt: completed_at !== null, isTrashed: deleted_at !== null },
  };
}

function shownGoal(json: Json): { id: unknown } {
  const { id, title, status, progress, progress_mode, parent_goal_id, version, completed_at } = json;
  const [isManual, isCompletedAt] = [progress_mode === 'manual', completed_at !== null];
  const shown = { id, title, status, progress, isManual, parent_goal_id, version, isCompletedAt };
  return Object.assign(shown, { isTrashed: json.deleted_at !== null });
}

function expectedGoal(goal: Goal): { id: unknown } {
  const { id, title, status, progress, isManual, parent_goal_id, version, trashedInStep } = goal;
  const shown = { id, title, status, progress, isManual, parent_goal_id, version };
  return Object.assign(shown, { isCompletedAt: status === 'completed', isTrashed: trashedInStep !== null });
}

/** Picks the id of a row; sometimes one that was deleted or never existed. */
function pick(rows: { id: string }[], deletedIds: string[], n: number): string {
  const missing = [...deletedIds, '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3'];
  if (n % 25 === 0 || rows.length === 0) return missing[n % missing.length]!;
  return rows[n % rows.length]!.id;
}

it(`the API agrees with the model in ${runs * stepsPerRun} random steps`, async () => {
  const steps = fc.array(step, { minLength: stepsPerRun, maxLength: stepsPerRun });
  const property = fc.asyncProperty(steps, async (steps) => {
    const comparison = new Comparison(await newUser(app));
    for (const [index, one] of steps.entries()) {
      await comparison.run(one);
      if (index % stepsBetweenComparisons === 0) await comparison.compare();
    }
    await comparison.compare();
  });
  await fc.assert(property, { seed, numRuns: runs, endOnFailure: true });
});
