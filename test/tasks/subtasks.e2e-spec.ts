import { startApp, TestApp } from '../setup/app';
import { ids, Json, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const newSubtask = (parent: Json, title = 'A subtask') => newTask(user, { title, parent_task_id: parent.id });
const codeOf = ({ body }: { body: unknown }) => (body as { code: string }).code;

/** A chain of tasks in which each is the parent of the next. */
async function newChain(length: number): Promise<Json[]> {
  const tasks = [await newTask(user)];
  while (tasks.length < length) tasks.push(await newSubtask(tasks.at(-1)!));
  return tasks;
}

describe('subtasks', () => {
  it('are listed one level below their parent', async () => {
    const [root, child, grandchild] = (await newChain(3)) as [Json, Json, Json];
    const other = await newSubtask(root);
    expect(await ids(user, `/tasks/${root.id}/subtasks?sort=created_at`)).toEqual([child.id, other.id]);
    expect(await ids(user, `/tasks/${child.id}/subtasks`)).toEqual([grandchild.id]);
    expect(await ids(user, `/tasks/${grandchild.id}/subtasks`)).toEqual([]);
    expect(await ids(user, `/tasks/${root.id}/subtasks?status=completed`)).toEqual([]);
    await user.api.get(`/tasks/${root.id}/subtasks?parent_task_id=none`).expect(422);
  });

  it('are limited to ten levels, also when a task is moved with its subtasks', async () => {
    const deep = await newChain(11);
    const { body } = await user.api.post('/tasks', { title: 'x', parent_task_id: deep[10]!.id }).expect(409);
    expect(body).toMatchObject({ code: 'too_deep' });
    const [top, , bottom] = (await newChain(3)) as [Json, Json, Json];
    expect(
      codeOf(await user.api.patch(`/tasks/${top.id}`, { parent_task_id: deep[8]!.id }).expect(409)),
    ).toBe('too_deep');
    await user.api.patch(`/tasks/${top.id}`, { parent_task_id: deep[7]!.id }).expect(200);
    expect(codeOf(await user.api.post('/tasks', { title: 'x', parent_task_id: bottom.id }).expect(409))).toBe(
      'too_deep',
    );
  });

  it('must not form a cycle', async () => {
    const [root, , grandchild] = (await newChain(3)) as [Json, Json, Json];
    const { body } = await user.api.patch(`/tasks/${root.id}`, { parent_task_id: grandchild.id }).expect(409);
    expect(body).toMatchObject({ code: 'cycle' });
  });

  it('form no cycle when tasks are moved below each other in parallel', async () => {
    const tasks = await Promise.all(Array.from({ length: 6 }, () => newTask(user)));
    const moves = Array.from({ length: 120 }, (_, i) => {
      const [task, parent] = [tasks[i % 6]!, tasks[(i * 5 + 1 + Math.floor(i / 6)) % 6]!];
      return user.api.patch(`/tasks/${task.id}`, { parent_task_id: parent.id });
    });
    const statuses = new Set((await Promise.all(moves)).map(({ status }) => status));
    for (const status of statuses) expect([200, 409, 422]).toContain(status);
    const { rows } = await app.database.query(
      `WITH RECURSIVE up (start, id, depth) AS (
       SELECT id, parent_task_id, 1 FROM tasks WHERE user_id = $1
       UNION ALL SELECT u.start, t.parent_task_id, u.depth + 1 FROM up u JOIN tasks t ON t.user_id = $1 AND t.id = u.id WHERE u.depth < 20
     ) SELECT start FROM up WHERE start = id`,
      [user.id],
    );
    expect(rows).toEqual([]);
  });

  it('keep their status when the parent is completed', async () => {
    const [root, child] = (await newChain(2)) as [Json, Json];
    await user.api.post(`/tasks/${root.id}/complete`).expect(200);
    expect((await user.api.get(`/tasks/${child.id}`).expect(200)).body).toEqual(child);
  });

  describe('and the trash', () => {
    it('are trashed and restored with the parent, except those trashed before', async () => {
      const [root, child, grandchild] = (await newChain(3)) as [Json, Json, Json];
      const early = await newSubtask(child, 'Trashed before');
      await user.api.delete(`/tasks/${early.id}`).expect(204);
      await user.api.delete(`/tasks/${root.id}`).expect(204);
      expect(await ids(user, '/tasks')).toEqual([]);
      expect((await ids(user, '/tasks?trashed=true')).sort()).toEqual(
        [root.id, child.id, grandchild.id, early.id].sort(),
      );

      const { body } = await user.api.post(`/tasks/${root.id}/restore`).expect(200);
      expect(body).toMatchObject({ id: root.id, deleted_at: null });
      expect(await ids(user, '/tasks?sort=created_at')).toEqual([root.id, child.id, grandchild.id]);
      expect(await ids(user, '/tasks?trashed=true')).toEqual([early.id]);
      await user.api.post(`/tasks/${early.id}/restore`).expect(200);
      expect(await ids(user, `/tasks/${child.id}/subtasks?sort=created_at`)).toEqual([
        grandchild.id,
        early.id,
      ]);
    });

    it('cannot be restored before their parent', async () => {
      const [root, child, grandchild] = (await newChain(3)) as [Json, Json, Json];
      await user.api.delete(`/tasks/${root.id}`).expect(204);
      for (const { id } of [child, grandchild]) {
        expect(codeOf(await user.api.post(`/tasks/${id}/restore`).expect(409))).toBe('parent_trashed');
      }
      expect(await ids(user, '/tasks')).toEqual([]);
      await user.api.post(`/tasks/${root.id}/restore`).expect(200);
      await user.api.post(`/tasks/${root.id}/restore`).expect(404);
      expect(await ids(user, '/tasks')).toHaveLength(3);
    });

    it('cannot be created below a parent in the trash', async () => {
      const [root, other] = [await newTask(user), await newTask(user)];
      await user.api.delete(`/tasks/${root.id}`).expect(204);
      const missing = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
      for (const parentId of [root.id, missing]) {
        const [created, moved] = [
          await user.api.post('/tasks', { title: 'x', parent_task_id: parentId }).expect(404),
          await user.api.patch(`/tasks/${other.id}`, { parent_task_id: parentId }).expect(404),
        ];
        for (const { body } of [created, moved]) {
          expect(body).toMatchObject({ code: 'not_found', detail: 'There is no task with this id.' });
        }
      }
      await user.api.get(`/tasks/${root.id}/subtasks`).expect(404);
    });

    it('never stay outside the trash below a trashed parent, even with parallel requests', async () => {
      for (let round = 0; round < 5; round++) {
        const root = await newTask(user);
        await Promise.all([
          user.api.delete(`/tasks/${root.id}`).expect(204),
          ...Array.from({ length: 8 }, () =>
            user.api.post('/tasks', { title: 'x', parent_task_id: root.id }),
          ),
        ]);
        const { rowCount } = await app.database.query(
          `SELECT FROM tasks t JOIN tasks p ON p.user_id = t.user_id AND p.id = t.parent_task_id
         WHERE t.user_id = $1 AND t.deleted_at IS NULL AND p.deleted_at IS NOT NULL`,
          [user.id],
        );
        expect(rowCount).toBe(0);
      }
    });

    it('are deleted permanently with the parent', async () => {
      const [root] = (await newChain(4)) as [Json];
      await user.api.delete(`/tasks/${root.id}?permanent=true`).expect(204);
      const { rowCount } = await app.database.query('SELECT FROM tasks WHERE user_id = $1', [user.id]);
      expect(rowCount).toBe(0);
    });
  });
});
