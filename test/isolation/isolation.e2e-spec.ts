import { startApp, TestApp } from '../setup/app';
import { methods } from '../setup/contract';
import { ids, Json, newGoal, newPersonalToken, newTask, newUser, TestUser } from '../setup/factories';

/*
 * Two users, each with a goal, a task under it, a session and a personal token. Every route of the OpenAPI document is tried without a
 * token, and as the first user with ids of the second one: a new route is in the test as soon as it is in the document.
 */
let app: TestApp;
let user: TestUser;
let other: TestUser;
let own: { goal: string; task: string; session: string; token: string };
let foreign: Record<string, string>;

const missing = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';

beforeAll(async () => {
  app = await startApp();
  [user, other] = [await newUser(app), await newUser(app)];
  const ownGoal = await newGoal(user);
  const ownTask = await newTask(user, { goal_id: ownGoal.id });
  own = {
    goal: ownGoal.id,
    task: ownTask.id,
    session: (await ids(user, '/auth/sessions'))[0]!,
    token: (await newPersonalToken(user)).id,
  };
  const goal = await newGoal(other);
  const task = await newTask(other, { goal_id: goal.id });
  const { body } = await other.api.get('/auth/sessions').expect(200);
  const tagged = await newTask(other, { tags: ['theirs'] });
  await other.api.delete(`/tasks/${tagged.id}?permanent=true`).expect(204);
  const token = await newPersonalToken(other);
  foreign = {
    goals: goal.id,
    tasks: task.id,
    sessions: (body as { items: Json[] }).items[0]!.id,
    tokens: token.id,
    tags: (await ids(other, '/tags'))[0]!,
  };
});
afterAll(() => app.close());

type Method = (typeof methods)[number];

interface Route {
  method: Method;
  path: string;
  isPublic: boolean;
  body: object | undefined;
}

function routes(): Route[] {
  const { paths } = app.contract.document;
  return Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const content =
        operation.requestBody &&
        'content' in operation.requestBody &&
        operation.requestBody.required !== false
          ? operation.requestBody.content
          : undefined;
      const example = Object.values(content?.['application/json']?.examples ?? {})[0];
      const body = example && 'value' in example ? (example.value as object) : content && { password: 'x' };
      return [{ method, path, isPublic: operation.security?.length === 0, body }];
    }),
  );
}

/** Puts ids into a path: the user's own, and what the last collection before {id} names. */
function fill(path: string, userId: string, idOf: (collection: string) => string): string {
  return `/${path
    .replace('{user_id}', userId)
    .replace('{other_id}', idOf('tasks'))
    .replace('{entry_id}', idOf('tasks'))
    .replace(/(\w+)\/\{id\}/, (_match, name: string) => `${name}/${idOf(name)}`)}`;
}

/** What a client sees of a refusal, without what names the single request. */
function bytes(text: string): string {
  return text.replace(/"instance":"[^"]*"/, '').replace(/"request_id":"[^"]*"/, '');
}

it('is walked by every route of the document', () => {
  const all = routes();
  expect(all.length).toBeGreaterThanOrEqual(50);
  expect(all.filter(({ isPublic }) => isPublic).map(({ method, path }) => `${method} ${path}`)).toEqual([
    'post /api/v1/auth/register',
    'post /api/v1/auth/login',
    'post /api/v1/auth/refresh',
    'post /api/v1/auth/password/forgot',
    'post /api/v1/auth/password/reset',
    'post /api/v1/auth/email/verify',
    'get /health/live',
    'get /health',
    'get /health/ready',
  ]);
});

it('no route but the public ones opens without a token', async () => {
  for (const { method, path, isPublic, body } of routes()) {
    const answer = await app.api.call(
      method,
      fill(path, user.id, (name) => foreign[name]!),
      body,
    );
    const isRefused = answer.status === 401 && (answer.body as { code: string }).code === 'unauthorized';
    expect([method, path, isRefused]).toEqual([method, path, !isPublic]);
  }
});

it('another’s row and a missing one are the same bytes, on every route that names a row', async () => {
  const before = await everything(other);
  const named = routes().filter(({ path }) => path.includes('{id}'));
  expect(named.length).toBeGreaterThanOrEqual(25);
  for (const { method, path, body } of named) {
    const theirs = await user.api.call(
      method,
      fill(path, user.id, (name) => foreign[name]!),
      body,
    );
    const nobodys = await user.api.call(
      method,
      fill(path, user.id, () => missing),
      body,
    );
    expect([method, path, theirs.status]).toEqual([method, path, 404]);
    expect(bytes(theirs.text)).toBe(bytes(nobodys.text));
    expect(Object.keys(theirs.headers as object)).toEqual(Object.keys(nobodys.headers as object));
  }
  expect(await everything(other)).toEqual(before);
});

it('an address that names another user is refused, on every route below users', async () => {
  const before = await everything(other);
  const named = routes().filter(({ path }) => path.includes('{user_id}'));
  expect(named.length).toBeGreaterThanOrEqual(20);
  for (const { method, path, body } of named) {
    for (const id of [other.id, missing, 'nobody']) {
      const { status } = await user.api.call(
        method,
        fill(path, id, (name) => foreign[name]!),
        body,
      );
      expect([method, path, status]).toEqual([method, path, 403]);
    }
  }
  expect(await everything(other)).toEqual(before);
});

it('another’s goal or task is no parent: made or changed, the same 404 as for a missing one', async () => {
  const before = await everything(user);
  for (const [path, link, id] of [
    ['tasks', 'goal_id', foreign.goals],
    ['tasks', 'parent_task_id', foreign.tasks],
    ['goals', 'parent_goal_id', foreign.goals],
  ] as const) {
    const row = path === 'tasks' ? own.task : own.goal;
    for (const call of [
      (to: string) => user.api.post(`/${path}`, { title: 'x', [link]: to }),
      (to: string) => user.api.patch(`/${path}/${row}`, { [link]: to }),
      (to: string) => user.api.put(`/users/${user.id}/${path}/${row}`, { [link]: to }),
    ]) {
      const [theirs, nobodys] = [await call(id!), await call(missing)];
      expect([path, link, theirs.status]).toEqual([path, link, 404]);
      expect(bytes(theirs.text)).toBe(bytes(nobodys.text));
    }
  }
  expect(await everything(user)).toEqual(before);
});

it('lists show exactly the own rows', async () => {
  const exactly = async (path: string, expected: string[]) =>
    expect([path, await ids(user, path)]).toEqual([path, expected]);
  for (const prefix of ['', `/users/${user.id}`]) {
    await exactly(`${prefix}/tasks`, [own.task]);
    await exactly(`${prefix}/tasks?sort=title&include=total&limit=200`, [own.task]);
    await exactly(`${prefix}/tasks?q=a&status=pending&completed=false`, [own.task]);
    await exactly(`${prefix}/tasks?goal_id=${foreign.goals},none`, []);
    await exactly(`${prefix}/tasks?parent_task_id=${foreign.tasks}`, []);
    await exactly(`${prefix}/tasks?trashed=true`, []);
    await exactly(`${prefix}/tasks?tag=theirs`, []);
    await exactly(`${prefix}/tasks?is_blocked=false`, [own.task]);
    await exactly(`${prefix}/tasks/${own.task}/subtasks`, []);
    await exactly(`${prefix}/tasks/${own.task}/dependencies`, []);
    await exactly(`${prefix}/goals`, [own.goal]);
    await exactly(`${prefix}/goals?q=a&status=active&sort=-target_date`, [own.goal]);
    await exactly(`${prefix}/goals?parent_goal_id=${foreign.goals}`, []);
    await exactly(`${prefix}/goals/${own.goal}/tasks`, [own.task]);
  }
  await exactly('/tags', []);
  await exactly('/auth/sessions', [own.session]);
  await exactly('/auth/tokens', [own.token]);
  const { body } = await user.api.get('/tasks?include=total').expect(200);
  expect(body).toMatchObject({ total: 1 });
});

it('encoded and odd addresses do not get past the guard', async () => {
  for (const path of [
    '/tasks/',
    '//tasks',
    '/%74asks',
    '/tasks%2f',
    '/tasks/..',
    '/TASKS',
    '/tasks;x=1',
    '/tasks/.',
    '/./tasks',
  ]) {
    const answer = await fetch(`${app.url}/api/v1${path}`);
    expect([401, 404]).toContain(answer.status);
  }
});

/** All that the user has, as the database holds it. */
async function everything(owner: TestUser): Promise<unknown> {
  const { rows } = await app.database.query(
    `SELECT to_jsonb(u), (SELECT jsonb_agg(t ORDER BY t.id) FROM tasks t WHERE t.user_id = u.id),
       (SELECT jsonb_agg(g ORDER BY g.id) FROM goals g WHERE g.user_id = u.id),
       (SELECT jsonb_agg(s ORDER BY s.id) FROM sessions s WHERE s.user_id = u.id),
       (SELECT jsonb_agg(p ORDER BY p.id) FROM personal_tokens p WHERE p.user_id = u.id),
       (SELECT jsonb_agg(g ORDER BY g.id) FROM tags g WHERE g.user_id = u.id),
       (SELECT jsonb_agg(d) FROM task_dependencies d WHERE d.user_id = u.id)
     FROM users u WHERE u.id = $1`,
    [owner.id],
  );
  return rows;
}
