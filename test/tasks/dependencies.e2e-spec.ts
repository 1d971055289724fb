import { startApp, TestApp } from '../setup/app';
import { ids, Json, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const missingId = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
const addDependency = (task: Json, on: Json) => user.api.put(`/tasks/${task.id}/dependencies/${on.id}`);
const removeDependency = (task: Json, on: Json) => user.api.delete(`/tasks/${task.id}/dependencies/${on.id}`);
const isBlocked = async ({ id }: Json) =>
  ((await user.api.get(`/tasks/${id}`).expect(200)).body as { is_blocked: boolean }).is_blocked;

describe('dependencies', () => {
  it('block a task while a task that it depends on is open', async () => {
    const [task, first, second] = [await newTask(user), await newTask(user), await newTask(user)];
    await addDependency(task, first).expect(204);
    await addDependency(task, second).expect(204);
    await addDependency(task, second).expect(204); // repeating has no effect
    expect(await isBlocked(task)).toBe(true);
    expect(await isBlocked(first)).toBe(false);
    expect(await ids(user, `/tasks/${task.id}/dependencies?sort=created_at`)).toEqual([first.id, second.id]);
    expect(await ids(user, '/tasks?is_blocked=true')).toEqual([task.id]);
    expect(await ids(user, '/tasks?is_blocked=false&sort=created_at')).toEqual([first.id, second.id]);

    await user.api.post(`/tasks/${first.id}/complete`).expect(200);
    expect(await isBlocked(task)).toBe(true);
    await user.api.patch(`/tasks/${second.id}`, { status: 'cancelled' }).expect(200);
    expect(await isBlocked(task)).toBe(false);
    await user.api.post(`/tasks/${second.id}/reopen`).expect(200);
    expect(await isBlocked(task)).toBe(true);
    await user.api.delete(`/tasks/${second.id}`).expect(204);
    expect(await isBlocked(task)).toBe(false);
    await user.api.post(`/tasks/${second.id}/restore`).expect(200);
    expect(await isBlocked(task)).toBe(true);
    await removeDependency(task, second).expect(204);
    await removeDependency(task, second).expect(404);
    expect(await isBlocked(task)).toBe(false);
  });

  it('prevent completion on every route, unless it is forced', async () => {
    const [task, dependency] = [await newTask(user), await newTask(user)];
    await addDependency(task, dependency).expect(204);
    for (const call of [
      () => user.api.post(`/tasks/${task.id}/complete`),
      () => user.api.patch(`/tasks/${task.id}`, { status: 'completed', title: 'x' }),
      () => user.api.put(`/tasks/${task.id}`, { completed: true, tags: ['x'] }),
      () => user.api.post(`/tasks/${task.id}/complete?force=false`),
    ]) {
      expect((await call().expect(409)).body).toMatchObject({ code: 'dependency_open' });
    }
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({
      version: 1,
      tags: [],
    });
    expect((await user.api.get('/tags').expect(200)).body).toMatchObject({ items: [] });
    await user.api.patch(`/tasks/${task.id}`, { status: 'in_progress' }).expect(200);
    const { body } = await user.api.post(`/tasks/${task.id}/complete?force=true`).expect(200);
    expect(body).toMatchObject({ status: 'completed', is_blocked: true });
    await user.api.patch(`/tasks/${task.id}`, { title: 'Completed already' }).expect(200);
    await user.api.post(`/tasks/${task.id}/reopen`).expect(200);
    await user.api.patch(`/tasks/${task.id}?force=true`, { completed: true, tags: ['x'] }).expect(200);
    await user.api.post(`/tasks/${dependency.id}/complete`).expect(200);
    await user.api.post(`/tasks/${task.id}/reopen`).expect(200);
    await user.api.post(`/tasks/${task.id}/complete`).expect(200);
    await user.api.post(`/tasks/${task.id}/complete?force=yes`).expect(422);
  });

  it('must not form a cycle of any length', async () => {
    const [a, b, c] = [await newTask(user), await newTask(user), await newTask(user)];
    const expectRefusal = async (task: Json, on: Json) =>
      expect((await addDependency(task, on).expect(409)).body).toMatchObject({ code: 'dependency_cycle' });
    await expectRefusal(a, a);
    await addDependency(a, b).expect(204);
    await expectRefusal(b, a);
    await addDependency(b, c).expect(204);
    await expectRefusal(c, a);
    await addDependency(a, c).expect(204);
    await removeDependency(b, c).expect(204);
    await expectRefusal(c, a);
  });

  it('form no cycle when all are created in parallel', async () => {
    const tasks = await Promise.all(Array.from({ length: 6 }, () => newTask(user)));
    const pairs = tasks.flatMap((task) => tasks.filter((on) => on !== task).map((on) => [task, on] as const));
    const responses = await Promise.all(pairs.map(([task, on]) => addDependency(task, on)));
    for (const { status } of responses) expect([204, 409]).toContain(status);
    // Of every two tasks one depends on the other: the most that is possible without a cycle.
    const { rows } = await app.database.query<{ count: number; cycles: number }>(
      `WITH RECURSIVE needed (start, id) AS (
       SELECT task_id, depends_on_id FROM task_dependencies WHERE user_id = $1
       UNION SELECT n.start, d.depends_on_id FROM needed n JOIN task_dependencies d ON d.user_id = $1 AND d.task_id = n.id
     ) SELECT count(*) FILTER (WHERE start = id)::int AS cycles,
         (SELECT count(*)::int FROM task_dependencies WHERE user_id = $1) AS count FROM needed`,
      [user.id],
    );
    expect(rows).toEqual([{ cycles: 0, count: 15 }]);
  });

  it('require two existing tasks of the user: otherwise the same 404', async () => {
    const other = await newUser(app);
    const [task, trashed, foreign] = [await newTask(user), await newTask(user), await newTask(other)];
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    const bodies = [];
    for (const id of [missingId, trashed.id, foreign.id]) {
      for (const path of [`/tasks/${task.id}/dependencies/${id}`, `/tasks/${id}/dependencies/${task.id}`]) {
        for (const call of [() => user.api.put(path), () => user.api.delete(path)]) {
          bodies.push({ ...((await call().expect(404)).body as object), instance: '', request_id: '' });
        }
      }
    }
    for (const body of bodies) expect(body).toEqual(bodies[0]);
    await user.api.put(`/tasks/${task.id}/dependencies/x`).expect(422);
    expect(
      (await app.database.query('SELECT FROM task_dependencies WHERE user_id = $1', [user.id])).rowCount,
    ).toBe(0);
  });

  it('are deleted with either task', async () => {
    const [a, b, c] = [await newTask(user), await newTask(user), await newTask(user)];
    await addDependency(a, b).expect(204);
    await addDependency(b, c).expect(204);
    await user.api.delete(`/tasks/${b.id}?permanent=true`).expect(204);
    expect(await isBlocked(a)).toBe(false);
    expect(
      (await app.database.query('SELECT FROM task_dependencies WHERE user_id = $1', [user.id])).rowCount,
    ).toBe(0);
  });
});
