import { startApp, TestApp } from '../setup/app';
import { createMissingRows, fillPath, rowIdsOf, routesOf, snapshotOf } from '../setup/catalogue';
import { ids, newGoal, newPersonalToken, newTask, newUser, TestUser } from '../setup/factories';
import { waitForMails } from '../setup/mailbox';

/*
 * Two users, each with a goal, a task under it, a session, a personal access token, and a row of every other resource.
 * Every route of the OpenAPI document is called without a token, and as the first user with the ids of the other user:
 * a new route is covered as soon as it is in the document.
 */
let app: TestApp;
let user: TestUser;
let other: TestUser;
let own: { goal: string; task: string; session: string; token: string };
/** The ids of rows, by collection. */
let ownIds: Record<string, string>;
let otherIds: Record<string, string>;

const missingId = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';

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
  await newTask(other, { goal_id: (await newGoal(other)).id });
  const tagged = await newTask(other, { tags: ['theirs'] });
  await other.api.delete(`/tasks/${tagged.id}?permanent=true`).expect(204);
  await newPersonalToken(other);
  for (const one of [user, other]) await createMissingRows(app, one);
  otherIds = await rowIdsOf(app, other);
  // Tags are created with tasks; the lists below show that this user has none.
  ownIds = { ...otherIds, ...(await rowIdsOf(app, user, ['tags'])) };
  await waitForMails(app);
});
afterAll(() => app.close());

/** The id of the other user's row. */
const idOfOther = (collection: string) => otherIds[collection]!;

/** A response body without the members that differ from request to request. */
function comparable(text: string): string {
  return text.replace(/"instance":"[^"]*"/, '').replace(/"request_id":"[^"]*"/, '');
}

describe('isolation of users', () => {
  it('is tested on every route, and only the known routes are public', () => {
    const routes = routesOf(app);
    expect(routes.length).toBeGreaterThanOrEqual(50);
    const isPublic = routes.filter((route) => route.isPublic).map(({ method, path }) => `${method} ${path}`);
    expect(isPublic).toEqual([
      'post /api/v1/auth/register',
      'post /api/v1/auth/login',
      'post /api/v1/auth/refresh',
      'post /api/v1/auth/password/forgot',
      'post /api/v1/auth/password/reset',
      'post /api/v1/auth/account/reopening',
      'post /api/v1/auth/account/reopen',
      'post /api/v1/auth/email/verify',
      'get /health/live',
      'get /health',
      'get /health/ready',
    ]);
  });

  it('refuses requests without a token on every route that is not public', async () => {
    for (const { method, path, isPublic, body } of routesOf(app)) {
      const response = await app.api.call(method, fillPath(path, user.id, idOfOther), body);
      const isRefused =
        response.status === 401 && (response.body as { code: string }).code === 'unauthorized';
      expect([method, path, isRefused]).toEqual([method, path, !isPublic]);
    }
  });

  it('returns the same 404 for the row of another user as for a missing row, on every route with an id', async () => {
    const before = await snapshotOf(app, other);
    const routes = routesOf(app).filter(({ path }) => path.includes('{id}'));
    expect(routes.length).toBeGreaterThanOrEqual(25);
    for (const { method, path, body } of routes) {
      const foreign = await user.api.call(method, fillPath(path, user.id, idOfOther), body);
      const missing = await user.api.call(
        method,
        fillPath(path, user.id, () => missingId),
        body,
      );
      expect([method, path, foreign.status]).toEqual([method, path, 404]);
      expect(comparable(foreign.text)).toBe(comparable(missing.text));
      expect(Object.keys(foreign.headers as object)).toEqual(Object.keys(missing.headers as object));
    }
    expect(await snapshotOf(app, other)).toEqual(before);
  });

  it('returns 403 for the id of another user on every route below /users/{user_id}', async () => {
    const before = await snapshotOf(app, other);
    const routes = routesOf(app).filter(({ path }) => path.includes('{user_id}'));
    expect(routes.length).toBeGreaterThanOrEqual(20);
    for (const { method, path, body } of routes) {
      for (const id of [other.id, missingId, 'nobody']) {
        const { status } = await user.api.call(method, fillPath(path, id, idOfOther), body);
        expect([method, path, status]).toEqual([method, path, 403]);
      }
    }
    expect(await snapshotOf(app, other)).toEqual(before);
  });

  it('shows no row of another user on any route that reads', async () => {
    const routes = routesOf(app).filter(({ method, isPublic }) => method === 'get' && !isPublic);
    expect(routes.length).toBeGreaterThanOrEqual(20);
    for (const { method, path } of routes) {
      const { text } = await user.api.call(
        method,
        fillPath(path, user.id, (collection) => ownIds[collection]!),
      );
      const shown = [other.id, ...Object.values(otherIds)].filter((id) => text.includes(`"${id}"`));
      expect([method, path, shown]).toEqual([method, path, []]);
    }
  });

  it('returns the same 404 for a parent goal or task of another user as for a missing one', async () => {
    const before = await snapshotOf(app, user);
    for (const [path, link, id] of [
      ['tasks', 'goal_id', otherIds.goals],
      ['tasks', 'parent_task_id', otherIds.tasks],
      ['goals', 'parent_goal_id', otherIds.goals],
    ] as const) {
      const row = path === 'tasks' ? own.task : own.goal;
      for (const call of [
        (to: string) => user.api.post(`/${path}`, { title: 'x', [link]: to }),
        (to: string) => user.api.patch(`/${path}/${row}`, { [link]: to }),
        (to: string) => user.api.put(`/users/${user.id}/${path}/${row}`, { [link]: to }),
      ]) {
        const [foreign, missing] = [await call(id!), await call(missingId)];
        expect([path, link, foreign.status]).toEqual([path, link, 404]);
        expect(comparable(foreign.text)).toBe(comparable(missing.text));
      }
    }
    expect(await snapshotOf(app, user)).toEqual(before);
  });

  it('lists exactly the rows of the current user', async () => {
    const expectIds = async (path: string, expected: string[]) =>
      expect([path, await ids(user, path)]).toEqual([path, expected]);
    for (const prefix of ['', `/users/${user.id}`]) {
      await expectIds(`${prefix}/tasks`, [own.task]);
      await expectIds(`${prefix}/tasks?sort=title&include=total&limit=200`, [own.task]);
      await expectIds(`${prefix}/tasks?q=a&status=pending&completed=false`, [own.task]);
      await expectIds(`${prefix}/tasks?goal_id=${otherIds.goals},none`, []);
      await expectIds(`${prefix}/tasks?parent_task_id=${otherIds.tasks}`, []);
      await expectIds(`${prefix}/tasks?trashed=true`, []);
      await expectIds(`${prefix}/tasks?tag=theirs`, []);
      await expectIds(`${prefix}/tasks?is_blocked=false`, [own.task]);
      await expectIds(`${prefix}/tasks/${own.task}/subtasks`, []);
      await expectIds(`${prefix}/tasks/${own.task}/dependencies`, []);
      await expectIds(`${prefix}/goals`, [own.goal]);
      await expectIds(`${prefix}/goals?q=a&status=active&sort=-target_date`, [own.goal]);
      await expectIds(`${prefix}/goals?parent_goal_id=${otherIds.goals}`, []);
      await expectIds(`${prefix}/goals/${own.goal}/tasks`, [own.task]);
    }
    await expectIds('/tags', []);
    await expectIds('/auth/sessions', [own.session]);
    await expectIds('/auth/tokens', [own.token]);
    const { body } = await user.api.get('/tasks?include=total').expect(200);
    expect(body).toMatchObject({ total: 1 });
  });

  it('refuses encoded and malformed paths without a token', async () => {
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
      const response = await fetch(`${app.url}/api/v1${path}`);
      expect([401, 404]).toContain(response.status);
    }
  });
});
