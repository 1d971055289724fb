import { startApp, TestApp } from '../setup/app';
import { lenient, ids, Json, newTask, newUser, TestUser } from '../setup/factories';
import { PostgresProxy } from '../setup/postgres-proxy';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

type Tag = Json & { name: string; color: string | null; task_count: number };

const listTags = async (query = '') =>
  ((await user.api.get(`/tags${query}`).expect(200)).body as { items: Tag[] }).items;
const tagNames = async () => (await listTags()).map(({ name }) => name);
const tagsOf = async ({ id }: Json) =>
  ((await user.api.get(`/tasks/${id}`).expect(200)).body as { tags: string[] }).tags;
const findTag = async (name: string) => (await listTags('?limit=200')).find((one) => one.name === name)!;

/** The names in `tasks.tags` agree with the rows of `task_tags`, for every task. */
afterEach(async () => {
  const { rows } = await app.database.query(
    `SELECT t.id, t.tags FROM tasks t WHERE t.tags <> (
       SELECT coalesce(array_agg(g.name ORDER BY lower(g.name)), '{}') FROM task_tags l
       JOIN tags g ON g.user_id = l.user_id AND g.id = l.tag_id WHERE l.user_id = t.user_id AND l.task_id = t.id)`,
  );
  expect(rows).toEqual([]);
});

describe('tags of tasks', () => {
  it('are created on first use, are unique in any case, and are sorted', async () => {
    const task = await newTask(user, { tags: [' writing ', 'Book', 'WRITING', '石 🪨'] });
    expect(task).toMatchObject({ tags: ['Book', 'writing', '石 🪨'], version: 1 });
    const other = await newTask(user, { tags: ['BOOK', 'new'] });
    expect(other.tags).toEqual(['Book', 'new']);
    expect(await tagNames()).toEqual(['Book', 'new', 'writing', '石 🪨']);
    expect((await listTags()).map(({ task_count }) => task_count)).toEqual([2, 1, 1, 1]);
    expect(await findTag('Book')).toEqual({
      id: expect.any(String) as string,
      name: 'Book',
      color: null,
      task_count: 2,
      created_at: expect.any(String) as string,
      updated_at: expect.any(String) as string,
      version: 1,
    });
  });

  it('are replaced by an update, kept when absent, and cleared by [] and null', async () => {
    const task = await newTask(user, { tags: ['a', 'b'] });
    const update = async (changes: object) =>
      (await user.api.patch(`/tasks/${task.id}`, changes).expect(200)).body as Json & { version: number };
    expect(await update({ tags: ['b', 'c'], title: 'Both' })).toMatchObject({
      tags: ['b', 'c'],
      title: 'Both',
      version: 2,
    });
    expect(await update({ title: 'Kept' })).toMatchObject({ tags: ['b', 'c'], version: 3 });
    expect(await update({ tags: ['C', 'B'] })).toMatchObject({ tags: ['b', 'c'], version: 3 });
    expect(await update({ tags: [] })).toMatchObject({ tags: [], version: 4 });
    expect(await update({ tags: ['d'] })).toMatchObject({ tags: ['d'] });
    expect(await update({ tags: null })).toMatchObject({ tags: [] });
    expect(await tagNames()).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each<[unknown, string]>([
    ['a', 'type'],
    [[''], 'invalid_text'],
    [['\u200b'], 'invalid_text'],
    [['x'.repeat(51)], 'invalid_text'],
    [['a\u0000'], 'invalid_text'],
    [['\ud800'], 'invalid_text'],
    [[1], 'invalid_text'],
    [[null], 'invalid_text'],
    [[['a']], 'invalid_text'],
    [Array.from({ length: 21 }, (_, i) => `t${i}`), 'too_many'],
    [Array.from({ length: 4000 }, (_, i) => (i % 2 ? [] : `t${i}`)), 'too_many'],
    [{ a: 1 }, 'type'],
  ])('cannot be %j', async (value, code) => {
    const task = await newTask(user);
    for (const call of [
      () => user.api.post('/tasks', { title: 'x', tags: value }),
      () => user.api.patch(`/tasks/${task.id}`, { tags: value }),
    ]) {
      expect((await call().expect(422)).body).toMatchObject({ errors: [{ field: 'tags', code }] });
    }
    expect(await tagNames()).toEqual([]);
  });

  it('can be null in requests, never in responses, and the OpenAPI document says so', async () => {
    const { schemas } = app.contract.document.components!;
    const nullable = ['CreateTask', 'PatchTask', 'Task'].map((name) => {
      const { properties } = schemas![name] as { properties: Record<string, { type: string | string[] }> };
      return [name, properties.tags!.type.includes('null')];
    });
    expect(nullable).toEqual([
      ['CreateTask', true],
      ['PatchTask', true],
      ['Task', false],
    ]);
    expect(await newTask(user, { tags: null })).toMatchObject({ tags: [] });
  });

  it('may be twenty with fifty characters each, counting repeated names once', async () => {
    const twenty = Array.from({ length: 20 }, (_, i) => `${String(i).padStart(2, '0')}${'🪨'.repeat(48)}`);
    const task = await newTask(lenient(user), { tags: [...twenty, twenty[0]] });
    expect(task.tags).toEqual(twenty);
  });

  it('are not created by refused requests', async () => {
    const other = await newUser(app);
    const [task, foreign] = [await newTask(user), await newTask(other)];
    await user.api.patch('/tasks/01a1fc21-db47-72db-b5fb-cb2dbd3c58f3', { tags: ['x'] }).expect(404);
    await user.api.patch(`/tasks/${foreign.id}`, { tags: ['x'] }).expect(404);
    await user.api.post('/tasks', { title: 'x', tags: ['x'], parent_task_id: foreign.id }).expect(404);
    await user.api.patch(`/tasks/${task.id}`, { tags: ['x'], goal_id: foreign.id }).expect(404);
    await user.api.delete(`/tasks/${task.id}`).expect(204);
    await user.api.patch(`/tasks/${task.id}`, { tags: ['x'] }).expect(404);
    expect(await tagNames()).toEqual([]);
    expect(await tagsOf(await newTask(user))).toEqual([]);
  });

  it('are created once by parallel requests', async () => {
    const tasks = await Promise.all(
      Array.from({ length: 20 }, (_, i) => newTask(user, { tags: ['same', `own${i}`] })),
    );
    for (const [i, task] of tasks.entries()) expect(task.tags).toEqual([`own${i}`, 'same']);
    expect(await tagNames()).toHaveLength(21);
  });
});

describe('a list of tasks with tags', () => {
  it('can be filtered by any or all of several tags, in any case', async () => {
    const [ab, b, none] = [
      await newTask(user, { tags: ['A', 'b'] }),
      await newTask(user, { tags: ['b'] }),
      await newTask(user),
    ];
    const list = (query: string) => ids(user, `/tasks?sort=created_at&${query}`);
    expect(await list('tag=a')).toEqual([ab.id]);
    expect(await list('tag=a,B')).toEqual([ab.id, b.id]);
    expect(await list('tag=none')).toEqual([none.id]);
    expect(await list('tag=a,none')).toEqual([ab.id, none.id]);
    expect(await list('tag_all=a,B')).toEqual([ab.id]);
    expect(await list('tag_all=b')).toEqual([ab.id, b.id]);
    expect(await list('tag_all=a,x')).toEqual([]);
    expect(await list('tag=x')).toEqual([]);
    expect(await list('tag=a&tag_all=b')).toEqual([ab.id]);
    await newTask(await newUser(app), { tags: ['a'] });
    expect(await list('tag=a')).toEqual([ab.id]);
    await user.api.get('/tasks?tag=').expect(422);
    await user.api.get(`/tasks?tag=${'x'.repeat(51)}`).expect(422);
  });

  it('needs one statement for any number of tasks', async () => {
    for (let i = 0; i < 30; i++) await newTask(user, { tags: [`t${i}`, 'all'] });
    const proxy = await PostgresProxy.open(app.databaseUrl);
    const proxiedApp = await startApp({ DATABASE_URL: proxy.url });
    try {
      const api = proxiedApp.api.withToken(user.access_token);
      await api.get('/tasks?limit=200').expect(200);
      proxy.reset();
      const { body } = await api.get('/tasks?limit=200').expect(200);
      expect((body as { items: { tags: string[] }[] }).items.every((task) => task.tags.length === 2)).toBe(
        true,
      );
      expect([proxy.roundTrips, proxy.statements.length]).toEqual([1, 2]);
    } finally {
      await proxiedApp.close();
      proxy.close();
    }
  });
});

describe('a tag', () => {
  it('can be renamed, on all its tasks, and colored', async () => {
    const task = await newTask(user, { tags: ['old', 'z'] });
    const { id } = await findTag('old');
    const { body } = await user.api.patch(`/tags/${id}`, { name: ' New ', color: '#00ff7f' }).expect(200);
    expect(body).toMatchObject({ id, name: 'New', color: '#00ff7f', task_count: 1, version: 2 });
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({
      tags: ['New', 'z'],
      version: 2,
    });
    await user.api.patch(`/tags/${id}`, { name: 'NEW' }).expect(200);
    expect(await tagsOf(task)).toEqual(['NEW', 'z']);
    await user.api.patch(`/tags/${id}`, { color: null }).expect(200);
    expect(await findTag('NEW')).toMatchObject({ color: null, name: 'NEW' });
    for (const changes of [
      { name: '' },
      { name: null },
      { color: 'red' },
      { color: '#00FF7F' },
      { id },
      { task_count: 5 },
    ]) {
      await user.api.patch(`/tags/${id}`, changes).expect(422);
    }
  });

  it('renaming a tag to an existing name merges the tags', async () => {
    const [one, two, both, trashed] = [
      await newTask(user, { tags: ['a'] }),
      await newTask(user, { tags: ['b'] }),
      await newTask(user, { tags: ['a', 'b', 'c'] }),
      await newTask(user, { tags: ['b'] }),
    ];
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    const [a, b] = [await findTag('a'), await findTag('b')];
    const { body } = await user.api.patch(`/tags/${a.id}`, { name: 'B' }).expect(200);
    expect(body).toMatchObject({ id: a.id, name: 'B', task_count: 3 });
    expect(await tagNames()).toEqual(['B', 'c']);
    expect([await tagsOf(one), await tagsOf(two), await tagsOf(both)]).toEqual([['B'], ['B'], ['B', 'c']]);
    await user.api.patch(`/tags/${b.id}`, { color: '#000000' }).expect(404);
    const { body: restored } = await user.api.post(`/tasks/${trashed.id}/restore`).expect(200);
    expect(restored).toMatchObject({ tags: ['B'] });
  });

  it('is deleted without its tasks', async () => {
    const task = await newTask(user, { tags: ['gone', 'kept'] });
    const { id } = await findTag('gone');
    await user.api.delete(`/tags/${id}`).expect(204);
    await user.api.delete(`/tags/${id}`).expect(404);
    expect(await tagsOf(task)).toEqual(['kept']);
    expect(await tagNames()).toEqual(['kept']);
  });

  it('of another user is not found, and is independent of a tag with the same name', async () => {
    const other = await newUser(app);
    const theirs = await newTask(other, { tags: ['mine'] });
    const own = await newTask(user, { tags: ['mine', 'x'] });
    const foreign = ((await other.api.get('/tags').expect(200)).body as { items: Tag[] }).items[0]!;
    await user.api.patch(`/tags/${foreign.id}`, { name: 'x' }).expect(404);
    await user.api.delete(`/tags/${foreign.id}`).expect(404);
    expect(await tagsOf(own)).toEqual(['mine', 'x']);
    await user.api.patch(`/tags/${(await findTag('x')).id}`, { name: 'mine' }).expect(200);
    await user.api.delete(`/tags/${(await findTag('mine')).id}`).expect(204);
    expect((await other.api.get(`/tasks/${theirs.id}`).expect(200)).body).toEqual(theirs);
    expect((await other.api.get('/tags').expect(200)).body).toMatchObject({ items: [foreign] });
  });

  it('is listed in pages by name', async () => {
    await newTask(user, { tags: ['c', 'a', 'b'] });
    const { body } = await user.api.get('/tags?limit=2').expect(200);
    const { items, next_cursor } = body as { items: Tag[]; next_cursor: string };
    expect(items.map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await listTags(`?limit=2&cursor=${next_cursor}`)).map(({ name }) => name)).toEqual(['c']);
  });
});
