import { startApp, TestApp } from '../setup/app';
import { ids, Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp({ LOG_LEVEL: 'silent' })));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const missingId = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
const batch = (operations: unknown, mode?: string) => user.api.post('/tasks/batch', { mode, operations });

interface Item {
  index: number;
  status: number;
  data?: Json;
  problem?: { code: string; errors?: object[] };
}
const items = ({ body }: { body: unknown }) => (body as { items: Item[] }).items;

/** All tasks of the user in the database. */
const storedTasks = async () =>
  (await app.database.query('SELECT * FROM tasks WHERE user_id = $1 ORDER BY id', [user.id])).rows as Json[];

describe('a batch', () => {
  it('runs all kinds of operations in order and returns a result for each', async () => {
    const [updated, completed, reopened, deleted, restored] = [
      await newTask(user),
      await newTask(user),
      await newTask(user, { status: 'cancelled' }),
      await newTask(user),
      await newTask(user),
    ];
    await user.api.delete(`/tasks/${restored.id}`).expect(204);
    const response = await batch([
      { op: 'create', data: { title: ' New ', tags: ['a'], due_date: '2026-12-31' } },
      { op: 'update', id: updated.id, data: { title: 'Changed', tags: ['A', 'b'] } },
      { op: 'complete', id: completed.id },
      { op: 'reopen', id: reopened.id },
      { op: 'delete', id: deleted.id },
      { op: 'restore', id: restored.id },
      { op: 'restore', id: deleted.id },
    ]).expect(200);
    expect(items(response).map(({ index, status }) => [index, status])).toEqual([
      [0, 201],
      [1, 200],
      [2, 200],
      [3, 200],
      [4, 204],
      [5, 200],
      [6, 200],
    ]);
    const [created, ...others] = items(response);
    expect(created!.data).toMatchObject({
      title: 'New',
      tags: ['a'],
      due_date: '2026-12-31T23:59:59.999Z',
      version: 1,
    });
    expect(others.map(({ data }) => data)).toEqual([
      expect.objectContaining({ id: updated.id, title: 'Changed', tags: ['a', 'b'], version: 2 }),
      expect.objectContaining({ id: completed.id, status: 'completed' }),
      expect.objectContaining({ id: reopened.id, status: 'pending' }),
      undefined,
      expect.objectContaining({ id: restored.id, deleted_at: null }),
      expect.objectContaining({ id: deleted.id, deleted_at: null }),
    ]);
    expect((await user.api.get(`/tasks/${created!.data!.id}`).expect(200)).body).toEqual(created!.data);
  });

  describe('in atomic mode', () => {
    const failing: [string, (task: Json) => object, number, string][] = [
      ['a missing task', () => ({ op: 'complete', id: missingId }), 404, 'not_found'],
      [
        'a missing goal',
        () => ({ op: 'create', data: { title: 'x', goal_id: missingId } }),
        404,
        'not_found',
      ],
      ['a cycle', ({ id }) => ({ op: 'update', id, data: { parent_task_id: id } }), 409, 'cycle'],
      [
        'a contradiction',
        ({ id }) => ({ op: 'update', id, data: { completed: true, status: 'pending' } }),
        422,
        'validation_failed',
      ],
      ['no title', () => ({ op: 'create', data: { title: ' ' } }), 422, 'validation_failed'],
      [
        'an unknown field',
        ({ id }) => ({ op: 'update', id, data: { user_id: id } }),
        422,
        'validation_failed',
      ],
      ['an unknown operation', ({ id }) => ({ op: 'drop', id }), 422, 'validation_failed'],
      ['an invalid id', () => ({ op: 'complete', id: 'x' }), 422, 'validation_failed'],
      ['unexpected data', ({ id }) => ({ op: 'complete', id, data: {} }), 422, 'validation_failed'],
      [
        'an unexpected id',
        ({ id }) => ({ op: 'create', id, data: { title: 'x' } }),
        422,
        'validation_failed',
      ],
      ['no data', ({ id }) => ({ op: 'update', id }), 422, 'validation_failed'],
      ['no operation', () => ({}), 422, 'validation_failed'],
      ['a task that is not in the trash', () => ({ op: 'restore', id: missingId }), 404, 'not_found'],
    ];

    it.each(failing)(
      'changes nothing when an operation has %s, and names it',
      async (_case, operationFor, status, code) => {
        const [task, other] = [await newTask(user, { tags: ['kept'] }), await newTask(user)];
        const before = await storedTasks();
        const { body } = await batch([
          { op: 'create', data: { title: 'Never', tags: ['never'] } },
          { op: 'delete', id: other.id },
          operationFor(task),
          { op: 'complete', id: task.id },
        ]).expect(status);
        expect(body).toMatchObject({
          code,
          detail: expect.stringMatching(/^Operation 2 failed: .* No changes were made\.$/) as string,
        });
        const { errors } = body as { errors: { field: string }[] };
        for (const { field } of errors) expect(field).toMatch(/^operations\[2\]/);
        expect(await storedTasks()).toEqual(before);
        expect((await user.api.get('/tags').expect(200)).body).toMatchObject({ items: [{ name: 'kept' }] });
      },
    );

    it('changes nothing when an operation names a row of another user', async () => {
      const other = await newUser(app);
      const [foreignTask, goal] = [await newTask(other), await newGoal(other)];
      const task = await newTask(user);
      const before = await storedTasks();
      for (const operation of [
        ...['complete', 'reopen', 'delete', 'restore'].map((op) => ({ op, id: foreignTask.id })),
        { op: 'update', id: foreignTask.id, data: { title: 'Mine' } },
        { op: 'update', id: task.id, data: { goal_id: goal.id } },
        { op: 'create', data: { title: 'x', parent_task_id: foreignTask.id } },
      ]) {
        const { body } = await batch([{ op: 'complete', id: task.id }, operation]).expect(404);
        expect(body).toMatchObject({ code: 'not_found' });
      }
      expect(await storedTasks()).toEqual(before);
      expect((await other.api.get(`/tasks/${foreignTask.id}`).expect(200)).body).toEqual(foreignTask);
    });

    it('lets operations see earlier ones, and applies `force` only to its own operation', async () => {
      const [first, second, dependency] = [await newTask(user), await newTask(user), await newTask(user)];
      for (const { id } of [first, second])
        await user.api.put(`/tasks/${id}/dependencies/${dependency.id}`).expect(204);
      const refused = await batch([
        { op: 'complete', id: first.id, force: true },
        { op: 'complete', id: second.id },
      ]).expect(409);
      expect(refused.body).toMatchObject({ code: 'dependency_open', errors: [{ field: 'operations[1]' }] });
      await batch([
        { op: 'complete', id: dependency.id },
        { op: 'complete', id: second.id },
      ]).expect(200);

      const [root, child] = [await newTask(user), await newTask(user)];
      await user.api.patch(`/tasks/${child.id}`, { parent_task_id: root.id }).expect(200);
      await user.api.delete(`/tasks/${root.id}`).expect(204);
      const other = await newTask(user);
      await user.api.delete(`/tasks/${other.id}`).expect(204);
      const orphaned = await batch([
        { op: 'restore', id: other.id },
        { op: 'restore', id: child.id },
      ]).expect(409);
      expect(orphaned.body).toMatchObject({ code: 'parent_trashed' });
      const belowTrashed = await batch([
        { op: 'restore', id: other.id },
        { op: 'create', data: { title: 'x', parent_task_id: root.id } },
      ]).expect(404);
      expect(belowTrashed.body).toMatchObject({ errors: [{ field: 'operations[1]' }] });
    });

    it('is refused when the session has ended', async () => {
      await user.api.post('/auth/logout').expect(204);
      await batch([{ op: 'create', data: { title: 'x' } }]).expect(401);
      expect(await storedTasks()).toEqual([]);
    });
  });

  it('in partial mode runs every valid operation and returns a result for each', async () => {
    const [task, foreignTask] = [await newTask(user), await newTask(await newUser(app))];
    const response = await batch(
      [
        { op: 'create', data: { title: 'One' } },
        { op: 'create', data: { title: '' } },
        { op: 'complete', id: missingId },
        { op: 'complete', id: foreignTask.id },
        { op: 'complete', id: task.id },
        { op: 'fly' },
        { op: 'delete', id: task.id },
        { op: 'delete', id: task.id },
      ],
      'partial',
    ).expect(207);
    expect(items(response).map(({ status, problem }) => [status, problem?.code])).toEqual([
      [201, undefined],
      [422, 'validation_failed'],
      [404, 'not_found'],
      [404, 'not_found'],
      [200, undefined],
      [422, 'validation_failed'],
      [204, undefined],
      [404, 'not_found'],
    ]);
    expect(items(response)[1]!.problem!.errors).toEqual([
      { field: 'data.title', code: 'blank', message: expect.any(String) as string },
    ]);
    expect(await ids(user, '/tasks')).toEqual([items(response)[0]!.data!.id]);
  });

  it('in partial mode is refused when the session has ended, whatever the operations are', async () => {
    await user.api.post('/auth/logout').expect(204);
    for (const operation of [{ op: 'create', data: { title: 'x' } }, { op: 'fly' }]) {
      await batch([operation], 'partial').expect(401);
    }
    expect(await storedTasks()).toEqual([]);
  });

  it.each<[string, object[], object]>([
    [
      '100,000 tags',
      [{ op: 'create', data: { title: 'x', tags: Array.from({ length: 100_000 }, (_, i) => `t${i}`) } }],
      { code: 'too_many_values', message: 'The request body has more than 10000 values.' },
    ],
    [
      '340,000 empty arrays',
      [{ op: 'create', data: { title: 'x', tags: Array.from({ length: 340_000 }, () => []) } }],
      { code: 'too_many_values', message: 'The request body has more than 10000 values.' },
    ],
    [
      '1,001 keys in one object',
      [{ op: 'create', data: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, 1])) }],
      { code: 'too_many_keys', message: 'An object has more than 1000 keys.' },
    ],
    [
      '5,100 keys',
      Array.from({ length: 1700 }, () => ({ a: 1, b: 1, c: 1 })),
      { code: 'too_many_keys', message: 'The request body has more than 5000 keys.' },
    ],
  ])('with %s is refused before it is parsed', async (_what, operations, error) => {
    const { body } = await batch(operations).expect(422);
    expect(body).toMatchObject({ errors: [{ field: '', ...error }] });
    expect(await storedTasks()).toEqual([]);
  });

  it('may use all fields and 20 tags in each of its 200 operations', async () => {
    const data = {
      ...{ title: 'x', description: 'x', notes: 'x', status: 'pending', priority: 3, category: 'x' },
      ...{ due_date: '2026-12-31', estimated_hours: 1, actual_hours: 1, goal_id: null, parent_task_id: null },
      ...{ project_name: 'x', repository_path: 'x', completed: false },
      tags: Array.from({ length: 20 }, (_, i) => `t${i}`),
    };
    const response = await batch(Array.from({ length: 200 }, () => ({ op: 'create', data })));
    expect(response.status).not.toBe(413);
    expect(items(response).map(({ status }) => status)).toEqual(Array(200).fill(201));
  });

  it('accepts at most 200 operations', async () => {
    const create = {
      op: 'create',
      data: { title: 'x', notes: 'n'.repeat(4000), priority: 1, category: 'c', tags: ['t'] },
    };
    const response = await batch(Array<object>(200).fill(create)).expect(200);
    expect(items(response)).toHaveLength(200);
    expect(await storedTasks()).toHaveLength(200);
    await batch(Array<object>(201).fill({ op: 'complete', id: missingId })).expect(422);
    await batch([]).expect(422);
    await user.api.post('/tasks/batch', { operations: [create], notes: 'x'.repeat(1024 * 1024) }).expect(413);
  });

  it.each([
    [{}],
    [{ operations: {} }],
    [{ operations: null }],
    [{ operations: ['create'] }],
    [{ operations: [null] }],
    [{ operations: [[]] }],
    [{ operations: [{ op: 'create', data: { title: 'x' } }], mode: 'sometimes' }],
    [{ operations: [{ op: 'create', data: { title: 'x' } }], user_id: missingId }],
  ])('refuses the body %j', async (body) => {
    await user.api.post('/tasks/batch', body).expect(422);
    expect(await storedTasks()).toEqual([]);
  });

  it('runs completely or not at all beside parallel batches of the same user', async () => {
    const task = await newTask(user);
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        batch([
          { op: 'create', data: { title: `A${i}`, tags: ['same'] } },
          { op: 'create', data: { title: `B${i}`, tags: ['same'] } },
          i % 2 ? { op: 'complete', id: missingId } : { op: 'update', id: task.id, data: { title: `T${i}` } },
        ]),
      ),
    );
    expect(responses.map(({ status }) => status)).toEqual(
      responses.map((_response, i) => (i % 2 ? 404 : 200)),
    );
    expect(await storedTasks()).toHaveLength(21);
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({ version: 11 });
  });
});
