import { startApp, TestApp } from '../setup/app';
import { ids, Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp({ LOG_LEVEL: 'silent' })));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const missing = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
const batch = (operations: unknown, mode?: string) => user.api.post('/tasks/batch', { mode, operations });

interface Item {
  index: number;
  status: number;
  data?: Json;
  problem?: { code: string; errors?: object[] };
}
const items = ({ body }: { body: unknown }) => (body as { items: Item[] }).items;

/** All tasks of the user, as the database holds them. */
const stored = async () =>
  (await app.database.query('SELECT * FROM tasks WHERE user_id = $1 ORDER BY id', [user.id])).rows as Json[];

it('does all kinds of operations in their order, and answers each', async () => {
  const [changed, completed, reopened, removed, restored] = [
    await newTask(user),
    await newTask(user),
    await newTask(user, { status: 'cancelled' }),
    await newTask(user),
    await newTask(user),
  ];
  await user.api.delete(`/tasks/${restored.id}`).expect(204);
  const answer = await batch([
    { op: 'create', data: { title: ' New ', tags: ['a'], due_date: '2026-12-31' } },
    { op: 'update', id: changed.id, data: { title: 'Changed', tags: ['A', 'b'] } },
    { op: 'complete', id: completed.id },
    { op: 'reopen', id: reopened.id },
    { op: 'delete', id: removed.id },
    { op: 'restore', id: restored.id },
    { op: 'restore', id: removed.id },
  ]).expect(200);
  expect(items(answer).map(({ index, status }) => [index, status])).toEqual([
    [0, 201],
    [1, 200],
    [2, 200],
    [3, 200],
    [4, 204],
    [5, 200],
    [6, 200],
  ]);
  const [made, ...others] = items(answer);
  expect(made!.data).toMatchObject({
    title: 'New',
    tags: ['a'],
    due_date: '2026-12-31T23:59:59.999Z',
    version: 1,
  });
  expect(others.map(({ data }) => data)).toEqual([
    expect.objectContaining({ id: changed.id, title: 'Changed', tags: ['a', 'b'], version: 2 }),
    expect.objectContaining({ id: completed.id, status: 'completed' }),
    expect.objectContaining({ id: reopened.id, status: 'pending' }),
    undefined,
    expect.objectContaining({ id: restored.id, deleted_at: null }),
    expect.objectContaining({ id: removed.id, deleted_at: null }),
  ]);
  expect((await user.api.get(`/tasks/${made!.data!.id}`).expect(200)).body).toEqual(made!.data);
});

describe('atomic', () => {
  const failing: [string, (task: Json) => object, number, string][] = [
    ['a missing task', () => ({ op: 'complete', id: missing }), 404, 'not_found'],
    ['a missing goal', () => ({ op: 'create', data: { title: 'x', goal_id: missing } }), 404, 'not_found'],
    ['a ring', ({ id }) => ({ op: 'update', id, data: { parent_task_id: id } }), 409, 'cycle'],
    [
      'a contradiction',
      ({ id }) => ({ op: 'update', id, data: { completed: true, status: 'pending' } }),
      422,
      'validation_failed',
    ],
    ['no title', () => ({ op: 'create', data: { title: ' ' } }), 422, 'validation_failed'],
    [
      'a field that is not there',
      ({ id }) => ({ op: 'update', id, data: { user_id: id } }),
      422,
      'validation_failed',
    ],
    ['an unknown operation', ({ id }) => ({ op: 'drop', id }), 422, 'validation_failed'],
    ['an id that is none', () => ({ op: 'complete', id: 'x' }), 422, 'validation_failed'],
    ['data that it does not take', ({ id }) => ({ op: 'complete', id, data: {} }), 422, 'validation_failed'],
    [
      'an id that it does not take',
      ({ id }) => ({ op: 'create', id, data: { title: 'x' } }),
      422,
      'validation_failed',
    ],
    ['no data', ({ id }) => ({ op: 'update', id }), 422, 'validation_failed'],
    ['nothing', () => ({}), 422, 'validation_failed'],
    ['a task that is in the trash already', () => ({ op: 'restore', id: missing }), 404, 'not_found'],
  ];

  it.each(failing)('does nothing when one has %s, and names it', async (_what, make, status, code) => {
    const [task, other] = [await newTask(user, { tags: ['kept'] }), await newTask(user)];
    const before = await stored();
    const { body } = await batch([
      { op: 'create', data: { title: 'Never', tags: ['never'] } },
      { op: 'delete', id: other.id },
      make(task),
      { op: 'complete', id: task.id },
    ]).expect(status);
    expect(body).toMatchObject({
      code,
      detail: expect.stringMatching(/^Operation 2 failed: .* No changes were made\.$/) as string,
    });
    const { errors } = body as { errors: { field: string }[] };
    for (const { field } of errors) expect(field).toMatch(/^operations\[2\]/);
    expect(await stored()).toEqual(before);
    expect((await user.api.get('/tags').expect(200)).body).toMatchObject({ items: [{ name: 'kept' }] });
  });

  it('does nothing with a task or goal of another user among them', async () => {
    const other = await newUser(app);
    const [theirs, goal] = [await newTask(other), await newGoal(other)];
    const task = await newTask(user);
    const before = await stored();
    for (const operation of [
      ...['complete', 'reopen', 'delete', 'restore'].map((op) => ({ op, id: theirs.id })),
      { op: 'update', id: theirs.id, data: { title: 'Mine' } },
      { op: 'update', id: task.id, data: { goal_id: goal.id } },
      { op: 'create', data: { title: 'x', parent_task_id: theirs.id } },
    ]) {
      const { body } = await batch([{ op: 'complete', id: task.id }, operation]).expect(404);
      expect(body).toMatchObject({ code: 'not_found' });
    }
    expect(await stored()).toEqual(before);
    expect((await other.api.get(`/tasks/${theirs.id}`).expect(200)).body).toEqual(theirs);
  });

  it('lets each operation see those before it, and keeps what one is allowed from the others', async () => {
    const [first, second, needed] = [await newTask(user), await newTask(user), await newTask(user)];
    for (const { id } of [first, second])
      await user.api.put(`/tasks/${id}/dependencies/${needed.id}`).expect(204);
    const refused = await batch([
      { op: 'complete', id: first.id, force: true },
      { op: 'complete', id: second.id },
    ]).expect(409);
    expect(refused.body).toMatchObject({ code: 'dependency_open', errors: [{ field: 'operations[1]' }] });
    await batch([
      { op: 'complete', id: needed.id },
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
    const under = await batch([
      { op: 'restore', id: other.id },
      { op: 'create', data: { title: 'x', parent_task_id: root.id } },
    ]).expect(404);
    expect(under.body).toMatchObject({ errors: [{ field: 'operations[1]' }] });
  });

  it('is refused when the session has ended', async () => {
    await user.api.post('/auth/logout').expect(204);
    await batch([{ op: 'create', data: { title: 'x' } }]).expect(401);
    expect(await stored()).toEqual([]);
  });
});

it('partial does what can be done, and answers each by itself', async () => {
  const [task, theirs] = [await newTask(user), await newTask(await newUser(app))];
  const answer = await batch(
    [
      { op: 'create', data: { title: 'One' } },
      { op: 'create', data: { title: '' } },
      { op: 'complete', id: missing },
      { op: 'complete', id: theirs.id },
      { op: 'complete', id: task.id },
      { op: 'fly' },
      { op: 'delete', id: task.id },
      { op: 'delete', id: task.id },
    ],
    'partial',
  ).expect(207);
  expect(items(answer).map(({ status, problem }) => [status, problem?.code])).toEqual([
    [201, undefined],
    [422, 'validation_failed'],
    [404, 'not_found'],
    [404, 'not_found'],
    [200, undefined],
    [422, 'validation_failed'],
    [204, undefined],
    [404, 'not_found'],
  ]);
  expect(items(answer)[1]!.problem!.errors).toEqual([
    { field: 'data.title', code: 'blank', message: expect.any(String) as string },
  ]);
  expect(await ids(user, '/tasks')).toEqual([items(answer)[0]!.data!.id]);
});

it('takes two hundred at once, with much in them, and no more', async () => {
  const create = {
    op: 'create',
    data: { title: 'x', notes: 'n'.repeat(4000), priority: 1, category: 'c', tags: ['t'] },
  };
  const answer = await batch(Array<object>(200).fill(create)).expect(200);
  expect(items(answer)).toHaveLength(200);
  expect(await stored()).toHaveLength(200);
  await batch(Array<object>(201).fill({ op: 'complete', id: missing })).expect(422);
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
  [{ operations: [{ op: 'create', data: { title: 'x' } }], user_id: missing }],
])('is not %j', async (body) => {
  await user.api.post('/tasks/batch', body).expect(422);
  expect(await stored()).toEqual([]);
});

it('of the same user at once, many times, do each all or nothing', async () => {
  const task = await newTask(user);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      batch([
        { op: 'create', data: { title: `A${i}`, tags: ['same'] } },
        { op: 'create', data: { title: `B${i}`, tags: ['same'] } },
        i % 2 ? { op: 'complete', id: missing } : { op: 'update', id: task.id, data: { title: `T${i}` } },
      ]),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map((_answer, i) => (i % 2 ? 404 : 200)));
  expect(await stored()).toHaveLength(21);
  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({ version: 11 });
});
