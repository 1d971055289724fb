import { startApp, TestApp } from '../setup/app';
import { Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app);
});
afterAll(() => app.close());

const text = async (path: string) => (await user.api.get(path).expect(200)).text;

const fieldError = async (path: string) => {
  const { body } = await user.api.lenient().get(path).expect(422);
  return (body as { errors: { field: string; code: string }[] }).errors.map(({ field, code }) => [
    field,
    code,
  ]);
};

describe('fields', () => {
  it('returns only these fields, in the order of the resource', async () => {
    const goal = await newGoal(user, { title: 'A goal' });
    const task = await newTask(user, { title: 'A task', goal_id: goal.id, tags: ['x'] });
    const subtask = await newTask(user, { title: 'A subtask', parent_task_id: task.id });
    await user.api.put(`/tasks/${task.id}/dependencies/${subtask.id}`).expect(204);
    const entry = (await user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1.5 }).expect(201))
      .body as Json;
    const page = (item: object) => JSON.stringify({ items: [item], next_cursor: null });

    expect(await text(`/tasks/${task.id}?fields=title,is_blocked,tags,id`)).toBe(
      JSON.stringify({ id: task.id, title: 'A task', tags: ['x'], is_blocked: true }),
    );
    expect(await text(`/users/${user.id}/tasks/${task.id}?fields=version`)).toBe('{"version":2}');
    expect(await text(`/goals/${goal.id}?fields=progress,title`)).toBe('{"title":"A goal","progress":0.00}');
    expect(await text(`/tasks?fields=status&tag=x`)).toBe(page({ status: 'pending' }));
    expect(await text(`/goals?fields=title&include=total`)).toBe(
      '{"items":[{"title":"A goal"}],"next_cursor":null,"total":1}',
    );
    expect(await text(`/goals/${goal.id}/tasks?fields=id`)).toBe(page({ id: task.id }));
    expect(await text(`/tasks/${task.id}/subtasks?fields=title`)).toBe(page({ title: 'A subtask' }));
    expect(await text(`/tasks/${task.id}/dependencies?fields=title`)).toBe(page({ title: 'A subtask' }));
    expect(await text('/tags?fields=name')).toBe(page({ name: 'x' }));
    for (const path of [`/tasks/${task.id}/time-entries`, '/time-entries'])
      expect(await text(`${path}?fields=task_id,id`)).toBe(page({ id: entry.id, task_id: task.id }));
  });

  it('does not change the pages of a list, whatever it is sorted by', async () => {
    const { api } = await newUser(app);
    const operations = Array.from({ length: 7 }, (_, index) => ({
      op: 'create',
      data: {
        title: `Task ${index % 3}`,
        priority: 1 + (index % 2),
        due_date: index % 2 ? null : '2027-01-01T00:00:00.000Z',
      },
    }));
    await api.post('/tasks/batch', { mode: 'atomic', operations }).expect(200);
    const walk = async (query: string) => {
      const pages: Json[][] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const path = `/tasks?limit=3&${query}${cursor && `&cursor=${cursor}`}`;
        const { body, headers } = await api.get(path).expect(200);
        const { items, next_cursor } = body as { items: Json[]; next_cursor: string | null };
        pages.push(items);
        cursor = next_cursor;
        if (cursor) expect(headers.link).toContain(query.includes('fields') ? 'fields=id' : 'limit=3');
      }
      return pages;
    };
    for (const sort of ['-created_at', 'due_date', '-due_date', 'title,-priority', 'priority,due_date']) {
      const all = await walk(`sort=${sort}`);
      expect(all.map((page) => page.length)).toEqual([3, 3, 1]);
      expect(await walk(`sort=${sort}&fields=id`)).toEqual(all.map((page) => page.map(({ id }) => ({ id }))));
    }
    // Long lists are built by another statement.
    const { body } = await api.get('/tasks?limit=200&fields=title&sort=title').expect(200);
    expect((body as { items: Json[] }).items.map(({ title }) => title)).toEqual(
      [0, 0, 0, 1, 1, 2, 2].map((number) => `Task ${number}`),
    );
  });

  it('counts only what is returned toward the size of a page', async () => {
    const { api } = await newUser(app);
    const data = { title: 'Long', notes: 'x'.repeat(20_000) };
    const operations = Array.from({ length: 30 }, () => ({ op: 'create', data }));
    for (let batch = 0; batch < 2; batch++)
      await api.post('/tasks/batch', { mode: 'atomic', operations }).expect(200);
    const count = async (query: string) =>
      ((await api.get(`/tasks?limit=100${query}`).expect(200)).body as { items: Json[] }).items.length;
    expect([await count(''), await count('&fields=id,notes'), await count('&fields=id,title')]).toEqual([
      48, 49, 60,
    ]);
  });

  it('has an entity tag, which If-Match accepts if it includes the version', async () => {
    const task = await newTask(user);
    const etagOf = async (fields: string) =>
      String((await user.api.get(`/tasks/${task.id}?fields=${fields}`).expect(200)).headers.etag);
    const patch = (etag: string) =>
      user.api.call('patch', `/tasks/${task.id}`, { priority: 4 }).set('if-match', etag);
    const withVersion = await etagOf('title,version');
    await user.api
      .call('get', `/tasks/${task.id}?fields=title,version`)
      .set('if-none-match', withVersion)
      .expect(304);
    await patch(await etagOf('title')).expect(412);
    await patch(withVersion).expect(200);
    await patch(withVersion).expect(412);
  });

  it.each([
    'unknown',
    'id,id',
    'id,',
    '',
    'id,user_id',
    'ID',
    `${'id,'.repeat(200)}id`,
    'id&fields=title',
    '__proto__',
  ])('refuses %s', async (fields) => {
    for (const path of [
      '/tasks',
      '/goals',
      '/tags',
      '/time-entries',
      `/tasks/${user.id}`,
      `/goals/${user.id}`,
    ])
      expect([path, await fieldError(`${path}?fields=${fields}`)]).toEqual([
        path,
        [['fields', 'not_allowed']],
      ]);
  });

  it("does not show another user's rows", async () => {
    const task = await newTask(user);
    const other = await newUser(app);
    const missing = await other.api.get(`/tasks/${other.id}`).expect(404);
    const { body } = await other.api.get(`/tasks/${task.id}?fields=title`).expect(404);
    expect((body as Json).detail).toBe((missing.body as Json).detail);
    expect((await other.api.get('/tasks?fields=title').expect(200)).text).toBe(
      '{"items":[],"next_cursor":null}',
    );
  });
});
