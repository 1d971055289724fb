import fc from 'fast-check';
import { startApp, TestApp } from '../setup/app';
import { Json, newUser, TestUser } from '../setup/factories';
import { Goal, Model, Refused, Task, TaskFields } from './model';

/*
 * Thousands of random steps, done by the API and by a model in memory: whatever the API answers, and whatever it then
 * shows, is what the model has. PROPERTY_SEED tries other steps.
 */
const seed = Number(process.env.PROPERTY_SEED ?? 20261121);
const [runs, stepsPerRun, stepsBetweenComparisons] = [16, 250, 25];

let app: TestApp;
beforeAll(async () => (app = await startApp()));
afterAll(() => app.close());

/** Which row: see `pick`. */
const which = fc.noBias(fc.nat(9_999));
const maybe = fc.option(which, { nil: null, freq: 3 });
const status = fc.constantFrom('pending', 'in_progress', 'blocked', 'completed', 'cancelled');
const progress = fc.constantFrom(0, 12.5, 33.33, 99.99, 100);
const tags = fc.uniqueArray(fc.constantFrom('alpha', 'Beta', 'gamma', 'delta'), { maxLength: 3 });
const tagName = fc.constantFrom('alpha', 'ALPHA', 'Beta', 'gamma', 'epsilon');

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('create task'), status, tags, goal: maybe, parent: maybe }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('write'),
      task: which,
      title: fc.constantFrom('A', 'B', 'C'),
      tags,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('set status'), task: which, status, force: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('complete'), task: which, force: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen'), task: which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('set goal'), task: which, goal: maybe }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set parent'), task: which, parent: maybe }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trash'), task: which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restore'), task: which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove'), task: which }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('undo'), task: which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('depend'), task: which, other: which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('undepend'), task: which, other: which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('add hour'), task: which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('set hours'),
      task: which,
      hours: fc.constantFrom(null, 2, 7.25),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rename tag'), tag: which, name: tagName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove tag'), tag: which }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('create goal'),
      parent: maybe,
      progress: fc.option(progress, { freq: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('move goal'), goal: which, parent: maybe }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('set goal status'),
      goal: which,
      status: fc.constantFrom('active', 'completed', 'on_hold', 'cancelled'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen goal'), goal: which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('set progress'),
      goal: which,
      progress: fc.option(progress, { freq: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove goal'), goal: which, trashing: fc.boolean() }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One user, by the API and in the model. */
class Walk {
  private readonly model = new Model();
  private readonly gone: string[] = [];
  private count = 0;

  constructor(private readonly user: TestUser) {}

  async take(step: Step): Promise<void> {
    const { api } = this.user;
    const { tasks, goals } = this.model;
    const isTrashed = ({ trashed }: Task) => trashed !== null;
    const [live, trash] = [tasks.filter((one) => !isTrashed(one)), tasks.filter(isTrashed)];
    const task = (n: number) => pick(n % 17 === 0 ? trash : live, this.gone, n);
    const goal = (n: number) => pick(goals, this.gone, n);
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
        const { status: answered, body } = await api.post('/tasks', fields);
        const { id } = body as Json;
        return this.agree(answered, 201, body, () => this.model.createTask(id, fields));
      }
      case 'write': {
        const [id, fields] = [task(step.task), { title: step.title, tags: step.tags }];
        const { status, body } = await patch(id, fields);
        return this.agree(status, 200, body, () => this.model.changeTask(id, fields, false));
      }
      case 'set status': {
        const [id, fields] = [task(step.task), { status: step.status }];
        const { status, body } = await patch(id, fields, step.force);
        return this.agree(status, 200, body, () => this.model.changeTask(id, fields, step.force));
      }
      case 'complete': {
        const blocked = live.filter((one) => this.model.isBlocked(one));
        const id = pick(step.task % 2 === 0 ? blocked : live, this.gone, step.task);
        const { status, body } = await api.post(`/tasks/${id}/complete?force=${step.force}`);
        return this.agree(status, 200, body, () =>
          this.model.changeTask(id, { status: 'completed' }, step.force),
        );
      }
      case 'reopen': {
        const id = task(step.task);
        const { status, body } = await api.post(`/tasks/${id}/reopen`);
        return this.agree(status, 200, body, () => this.model.reopenTask(id));
      }
      case 'set goal': {
        const [id, fields] = [task(step.task), { goal_id: link(step.goal, goal) }];
        const { status, body } = await patch(id, fields);
        return this.agree(status, 200, body, () => this.model.changeTask(id, fields, false));
      }
      case 'set parent': {
        const [id, fields] = [task(step.task), { parent_task_id: link(step.parent, task) }];
        const { status, body } = await patch(id, fields);
        return this.agree(status, 200, body, () => this.model.changeTask(id, fields, false));
      }
      case 'set hours': {
        const [id, fields] = [task(step.task), { actual_hours: step.hours }];
        const { status, body } = await patch(id, fields);
        return this.agree(status, 200, body, () => this.model.changeTask(id, fields, false));
      }
      case 'trash': {
        const id = task(step.task);
        const { status } = await api.delete(`/tasks/${id}`);
        return this.agree(status, 204, undefined, () => this.model.trashTask(id));
      }
      case 'restore': {
        const id = pick(step.task % 17 === 0 ? live : trash, this.gone, step.task);
        const { status, body } = await api.post(`/tasks/${id}/restore`);
        return this.agree(status, 200, body, () => this.model.restoreTask(id));
      }
      case 'remove': {
        const id = task(step.task);
        const { status } = await api.delete(`/tasks/${id}?permanent=true`);
        if (status === 204) this.gone.push(id);
        return this.agree(status, 204, undefined, () => this.model.removeTask(id));
      }
      case 'undo': {
        const id = pick(tasks, this.gone, step.task);
        const { status, body } = await api.post(`/tasks/${id}/undo`);
        return this.agree(status, 200, body, () => this.model.undo(id));
      }
      case 'depend': {
        const [id, other] = [task(step.task), task(step.other)];
        const { status } = await api.put(`/tasks/${id}/dependencies/${other}`);
        return this.agree(status, 204, undefined, () => this.model.depend(id, other));
      }
      case 'undepend': {
        const dependent = pick(
          tasks.filter(({ needs }) => needs.size > 0),
          this.gone,
          step.task,
        );
        const needed = tasks.filter((one) => tasks.find(({ id }) => id === dependent)?.needs.has(one.id));
        const [id, other] = [dependent, pick(needed, this.gone, step.other)];
        const { status } = await api.delete(`/tasks/${id}/dependencies/${other}`);
        return this.agree(status, 204, undefined, () => this.model.undepend(id, other));
      }
      case 'add hour': {
        const id = task(step.task);
        const { status } = await api.post(`/tasks/${id}/time-entries`, { hours: 1 });
        return this.agree(status, 201, undefined, () => this.model.addHour(id));
      }
      case 'rename tag':
      case 'remove tag': {
        const tags = await this.list('/tags');
        const chosen = tags[step.tag % tags.length];
        if (!chosen) return;
        const old = String(chosen.name);
        if ('name' in step) {
          const { status } = await api.patch(`/tags/${chosen.id}`, { name: step.name });
          return this.agree(status, 200, undefined, () => this.model.renameTag(old, step.name));
        }
        const { status } = await api.delete(`/tags/${chosen.id}`);
        return this.agree(status, 204, undefined, () => this.model.removeTag(old));
      }
      case 'create goal': {
        const parentGoalId = link(step.parent, goal);
        const { status, body } = await api.post('/goals', {
          title,
          parent_goal_id: parentGoalId,
          progress: step.progress,
        });
        const { id } = body as Json;
        return this.agree(status, 201, body, () =>
          this.model.createGoal(id, title, parentGoalId, step.progress),
        );
      }
      case 'move goal': {
        const [id, parentGoalId] = [goal(step.goal), link(step.parent, goal)];
        const { status, body } = await api.patch(`/goals/${id}`, { parent_goal_id: parentGoalId });
        return this.agree(status, 200, body, () => this.model.moveGoal(id, parentGoalId));
      }
      case 'set goal status': {
        const id = goal(step.goal);
        const { status, body } = await api.patch(`/goals/${id}`, { status: step.status });
        return this.agree(status, 200, body, () => this.model.setGoalStatus(id, step.status));
      }
      case 'reopen goal': {
        const id = goal(step.goal);
        const { status, body } = await api.post(`/goals/${id}/reopen`);
        return this.agree(status, 200, body, () => this.model.reopenGoal(id));
      }
      case 'set progress': {
        const id = goal(step.goal);
        const { status, body } = await api.patch(`/goals/${id}`, { progress: step.progress });
        return this.agree(status, 200, body, () => this.model.setProgress(id, step.progress));
      }
      case 'remove goal': {
        const id = goal(step.goal);
        const { status } = await api.delete(`/goals/${id}${step.trashing ? '?tasks=trash' : ''}`);
        if (status === 204) this.gone.push(id);
        return this.agree(status, 204, undefined, () => this.model.removeGoal(id, step.trashing));
      }
    }
  }

  /** Everything that the API shows, against everything in the model. */
  async compare(): Promise<void> {
    const { tasks, goals, tags } = this.model;
    const shown = [...(await this.list('/tasks')), ...(await this.list('/tasks?trashed=true'))];
    const byId = (rows: { id: unknown }[]) => rows.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
    expect(byId(shown.map(seenTask))).toEqual(byId(tasks.map((task) => this.knownTask(task))));
    expect(byId((await this.list('/goals')).map(seenGoal))).toEqual(byId(goals.map(knownGoal)));
    expect((await this.list('/tags')).map(({ name }) => name).sort()).toEqual([...tags].sort());
    const live = tasks.filter(({ trashed }) => trashed === null);
    const ids = async (path: string) => (await this.list(path)).map(({ id }) => id).sort();
    const known = (isMeant: (task: Task) => boolean) =>
      live
        .filter(isMeant)
        .map(({ id }) => id)
        .sort();
    expect(await ids('/tasks?is_blocked=true')).toEqual(known((task) => this.model.isBlocked(task)));
    expect(await ids('/tasks?tag=alpha,beta')).toEqual(
      known((task) => task.tags.some((tag) => ['alpha', 'beta'].includes(tag.toLowerCase()))),
    );
    const { body } = await this.user.api.get('/tasks/summary').expect(200);
    const { total, by_status } = body as { total: number; by_status: Record<string, number> };
    expect([total, by_status.completed]).toEqual([
      live.length,
      live.filter(({ status }) => status === 'completed').length,
    ]);
  }

  private agree(answered: number, success: number, body: unknown, change: () => Task | Goal | void): void {
    let known: Task | Goal | void = undefined;
    let expected = success;
    try {
      known = change();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      expected = error.status;
    }
    expect(answered).toBe(expected);
    if (!known || body === undefined) return;
    if ('tags' in known) expect(seenTask(body as Json)).toEqual(this.knownTask(known));
    else expect(seenGoal(body as Json)).toEqual(knownGoal(known));
  }

  private knownTask(task: Task) {
    const { id, title, status, priority, goal_id, parent_task_id, tags, actual_hours, version, trashed } =
      task;
    return {
      ...{ id, title, status, priority, goal_id, parent_task_id, tags, actual_hours, version },
      is_blocked: this.model.isBlocked(task),
      completed: status === 'completed',
      isCompletedAt: status === 'completed',
      isTrashed: trashed !== null,
    };
  }

  private async list(path: string): Promise<Json[]> {
    const { body } = await this.user.api.get(`${path}${path.includes('?') ? '&' : '?'}limit=200`).expect(200);
    return (body as { items: Json[] }).items;
  }
}

function seenTask(json: Json): { id: string } {
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

function seenGoal(json: Json): { id: string } {
  const { id, title, status, progress, progress_mode, parent_goal_id, version, completed_at } = json;
  const [isManual, isCompletedAt] = [progress_mode === 'manual', completed_at !== null];
  return { id, title, status, progress, isManual, parent_goal_id, version, isCompletedAt } as { id: string };
}

function knownGoal(goal: Goal): { id: string } {
  return { ...goal, isCompletedAt: goal.status === 'completed' } as { id: string };
}

/** One of the rows; now and then one that is gone, or that never was. */
function pick(rows: { id: string }[], gone: string[], n: number): string {
  const missing = [...gone, '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3'];
  if (n % 25 === 0 || rows.length === 0) return missing[n % missing.length]!;
  return rows[n % rows.length]!.id;
}

it(`does what the model does, in ${runs * stepsPerRun} steps`, async () => {
  const steps = fc.array(step, { minLength: stepsPerRun, maxLength: stepsPerRun });
  const property = fc.asyncProperty(steps, async (steps) => {
    const walk = new Walk(await newUser(app));
    for (const [index, one] of steps.entries()) {
      await walk.take(one);
      if (index % stepsBetweenComparisons === 0) await walk.compare();
    }
    await walk.compare();
  });
  await fc.assert(property, { seed, numRuns: runs, endOnFailure: true });
}, 300_000);
