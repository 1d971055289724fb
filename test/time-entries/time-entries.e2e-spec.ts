import { startApp, TestApp } from '../setup/app';
import { ids, Json, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const missing = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
const add = (task: Json, entry: object) => user.api.post(`/tasks/${task.id}/time-entries`, entry);
const start = (task: Json, body?: object) => user.api.post(`/tasks/${task.id}/timer/start`, body);
const stop = (task: Json) => user.api.post(`/tasks/${task.id}/timer/stop`);
const hoursOf = async ({ id }: Json) =>
  ((await user.api.get(`/tasks/${id}`).expect(200)).body as { actual_hours: number | null }).actual_hours;
const codeOf = ({ body }: { body: unknown }) => (body as { code: string }).code;

it('are added by hand, by beginning and end or by hours, and the task’s hours follow', async () => {
  const task = await newTask(user, { actual_hours: 7 });
  const { body } = await add(task, {
    started_at: '2026-11-20T09:00:00+01:00',
    ended_at: '2026-11-20T09:30:00Z',
    note: ' Outline ',
  }).expect(201);
  expect(body).toEqual({
    id: expect.any(String) as string,
    task_id: task.id,
    started_at: '2026-11-20T08:00:00.000Z',
    ended_at: '2026-11-20T09:30:00.000Z',
    hours: 1.5,
    note: 'Outline',
    created_at: expect.any(String) as string,
    updated_at: expect.any(String) as string,
    version: 1,
  });
  expect(await hoursOf(task)).toBe(1.5);
  const second = (await add(task, { hours: 0.25, started_at: '2026-11-21T00:00:00Z' }).expect(201))
    .body as Json;
  expect(second).toMatchObject({ ended_at: '2026-11-21T00:15:00.000Z', hours: 0.25, note: null });
  const third = (await add(task, { hours: 2 }).expect(201)).body as Json;
  expect(third).toMatchObject({ hours: 2 });
  expect(await hoursOf(task)).toBe(3.75);
  expect(await ids(user, `/tasks/${task.id}/time-entries`)).toEqual([third.id, second.id, (body as Json).id]);
  expect(
    await ids(
      user,
      `/tasks/${task.id}/time-entries?started_from=2026-11-21&started_before=2026-11-21T01:00:00Z`,
    ),
  ).toEqual([second.id]);

  await user.api.delete(`/tasks/${task.id}/time-entries/${third.id}`).expect(204);
  expect(await hoursOf(task)).toBe(1.75);
  for (const { id } of [second, body as Json])
    await user.api.delete(`/tasks/${task.id}/time-entries/${id}`).expect(204);
  expect(await hoursOf(task)).toBeNull();
});

it('are counted by the task: by hand its hours change only while there are none', async () => {
  const task = await newTask(user);
  await user.api.patch(`/tasks/${task.id}`, { actual_hours: 3 }).expect(200);
  await add(task, { hours: 1 }).expect(201);
  expect(codeOf(await user.api.patch(`/tasks/${task.id}`, { actual_hours: 3, title: 'x' }).expect(409))).toBe(
    'hours_counted',
  );
  await user.api.patch(`/tasks/${task.id}`, { actual_hours: 1, title: 'Same' }).expect(200);
  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({
    actual_hours: 1,
    title: 'Same',
  });
});

describe('the timer', () => {
  it('is started and stopped', async () => {
    const task = await newTask(user, { actual_hours: 5 });
    const { body } = await start(task, { note: 'Draft' }).expect(201);
    expect(body).toMatchObject({ task_id: task.id, ended_at: null, hours: null, note: 'Draft' });
    expect(await hoursOf(task)).toBe(5);
    await app.database.query(
      `UPDATE time_entries SET started_at = started_at - interval '90 minutes' WHERE user_id = $1`,
      [user.id],
    );
    const stopped = (await stop(task).expect(200)).body as Json;
    expect(stopped).toMatchObject({ id: (body as Json).id, hours: 1.5, note: 'Draft' });
    expect(await hoursOf(task)).toBe(1.5);
    expect(codeOf(await stop(task).expect(409))).toBe('timer_not_running');
  });

  it('runs for one task at a time, also when it is started for many at once', async () => {
    const tasks = await Promise.all(Array.from({ length: 8 }, () => newTask(user)));
    const answers = await Promise.all(tasks.map((task) => start(task)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(409)]);
    expect(codeOf(answers.find(({ status }) => status === 409)!)).toBe('timer_running');
    const running = tasks[answers.findIndex(({ status }) => status === 201)]!;
    const other = tasks.find((task) => task !== running)!;
    await stop(other).expect(409);
    await stop(running).expect(200);
    await start(other).expect(201);
    const neighbour = await newUser(app);
    const theirs = await newTask(neighbour);
    await neighbour.api.post(`/tasks/${theirs.id}/timer/start`).expect(201);
  });
});

it.each<[object, string, string]>([
  [{}, 'started_at', 'required'],
  [{ started_at: '2026-11-20T09:00:00Z' }, 'ended_at', 'required'],
  [{ ended_at: '2026-11-20T09:00:00Z' }, 'started_at', 'required'],
  [{ started_at: '2026-11-20T09:00:00Z', ended_at: '2026-11-20T08:00:00Z' }, 'ended_at', 'out_of_range'],
  [{ started_at: '2026-02-30', ended_at: '2026-03-01' }, 'started_at', 'invalid_date'],
  [{ hours: 0 }, 'hours', 'out_of_range'],
  [{ hours: 1e9 }, 'hours', 'out_of_range'],
  [{ hours: '1' }, 'hours', 'type'],
  [{ hours: 1, ended_at: '2026-11-20T08:00:00Z' }, 'ended_at', 'contradiction'],
  [{ hours: 1, note: 'x'.repeat(501) }, 'note', 'too_long'],
  [{ hours: 1, task_id: missing }, 'task_id', 'unknown_field'],
])('are not %j', async (entry, field, code) => {
  const task = await newTask(user);
  const { body } = await add(task, entry).expect(422);
  expect((body as { errors: object[] }).errors).toEqual([
    { field, code, message: expect.any(String) as string },
  ]);
  expect(await ids(user, `/tasks/${task.id}/time-entries`)).toEqual([]);
});

it('are of tasks that are there, and the user’s own', async () => {
  const other = await newUser(app);
  const [trashed, foreign] = [await newTask(user), await newTask(other)];
  const entry = (await add(trashed, { hours: 1 }).expect(201)).body as Json;
  const theirs = (await other.api.post(`/tasks/${foreign.id}/time-entries`, { hours: 1 }).expect(201))
    .body as Json;
  await user.api.delete(`/tasks/${trashed.id}`).expect(204);
  for (const id of [trashed.id, foreign.id, missing]) {
    const task = { id };
    await add(task, { hours: 1 }).expect(404);
    await start(task).expect(404);
    await stop(task).expect(404);
    await user.api.get(`/tasks/${id}/time-entries`).expect(404);
    await user.api.delete(`/tasks/${id}/time-entries/${theirs.id}`).expect(404);
  }
  const own = await newTask(user);
  await user.api.delete(`/tasks/${own.id}/time-entries/${entry.id}`).expect(404);
  await user.api.delete(`/tasks/${own.id}/time-entries/x`).expect(422);
  await user.api.post(`/tasks/${trashed.id}/restore`).expect(200);
  expect(await hoursOf(trashed)).toBe(1);
  await user.api.delete(`/tasks/${trashed.id}?permanent=true`).expect(204);
  const { rowCount } = await app.database.query('SELECT FROM time_entries WHERE user_id = $1', [user.id]);
  expect(rowCount).toBe(0);
});

it('that add up to more than a task can hold are refused whole', async () => {
  const task = await newTask(user);
  for (let i = 0; i < 10; i++) await add(task, { hours: 10_000 }).expect(201);
  await add(task, { hours: 1 }).expect(422);
  expect(await hoursOf(task)).toBe(100_000);
  expect(await ids(user, `/tasks/${task.id}/time-entries`)).toHaveLength(10);
});
