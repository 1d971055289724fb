import { startApp, TestApp } from '../setup/app';
import { ids, Json, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const missingId = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
const addEntry = (task: Json, entry: object) => user.api.post(`/tasks/${task.id}/time-entries`, entry);
const startTimer = (task: Json, body?: object) => user.api.post(`/tasks/${task.id}/timer/start`, body);
const stopTimer = (task: Json) => user.api.post(`/tasks/${task.id}/timer/stop`);
const hoursOf = async ({ id }: Json) =>
  ((await user.api.get(`/tasks/${id}`).expect(200)).body as { actual_hours: number | null }).actual_hours;
const codeOf = ({ body }: { body: unknown }) => (body as { code: string }).code;

describe('time entries', () => {
  it('are created with start and end or with hours, and are summed in actual_hours of the task', async () => {
    const task = await newTask(user, { actual_hours: 7 });
    const { body } = await addEntry(task, {
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
    const second = (await addEntry(task, { hours: 0.25, started_at: '2026-11-21T00:00:00Z' }).expect(201))
      .body as Json;
    expect(second).toMatchObject({ ended_at: '2026-11-21T00:15:00.000Z', hours: 0.25, note: null });
    const third = (await addEntry(task, { hours: 2 }).expect(201)).body as Json;
    expect(third).toMatchObject({ hours: 2 });
    expect(await hoursOf(task)).toBe(3.75);
    expect(await ids(user, `/tasks/${task.id}/time-entries`)).toEqual([
      third.id,
      second.id,
      (body as Json).id,
    ]);
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

  it('make actual_hours of the task read-only', async () => {
    const task = await newTask(user);
    await user.api.patch(`/tasks/${task.id}`, { actual_hours: 3 }).expect(200);
    await addEntry(task, { hours: 1 }).expect(201);
    expect(
      codeOf(await user.api.patch(`/tasks/${task.id}`, { actual_hours: 3, title: 'x' }).expect(409)),
    ).toBe('hours_counted');
    await user.api.patch(`/tasks/${task.id}`, { actual_hours: 1, title: 'Same' }).expect(200);
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({
      actual_hours: 1,
      title: 'Same',
    });
  });

  describe('the timer', () => {
    it('creates an entry when it is started, and ends it when it is stopped', async () => {
      const task = await newTask(user, { actual_hours: 5 });
      const { body } = await startTimer(task, { note: 'Draft' }).expect(201);
      expect(body).toMatchObject({ task_id: task.id, ended_at: null, hours: null, note: 'Draft' });
      expect(await hoursOf(task)).toBe(5);
      // The entry lasts 90 minutes, however long this test takes.
      await app.database.query(`
      CREATE FUNCTION set_duration() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NEW.ended_at := NEW.started_at + interval '90 minutes'; RETURN NEW; END$$;
      CREATE TRIGGER a_set_duration BEFORE UPDATE ON time_entries FOR EACH ROW EXECUTE FUNCTION set_duration()`);
      const stopped = (await stopTimer(task).expect(200)).body as Json;
      await app.database.query('DROP FUNCTION set_duration() CASCADE');
      expect(stopped).toMatchObject({ id: (body as Json).id, hours: 1.5, note: 'Draft' });
      expect(await hoursOf(task)).toBe(1.5);
      expect(codeOf(await stopTimer(task).expect(409))).toBe('timer_not_running');
    });

    it('runs for one task at a time, even when it is started in parallel', async () => {
      const tasks = await Promise.all(Array.from({ length: 8 }, () => newTask(user)));
      const responses = await Promise.all(tasks.map((task) => startTimer(task)));
      expect(responses.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(409)]);
      expect(codeOf(responses.find(({ status }) => status === 409)!)).toBe('timer_running');
      const running = tasks[responses.findIndex(({ status }) => status === 201)]!;
      const other = tasks.find((task) => task !== running)!;
      await stopTimer(other).expect(409);
      await stopTimer(running).expect(200);
      await startTimer(other).expect(201);
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
    [{ hours: 1, task_id: missingId }, 'task_id', 'unknown_field'],
  ])('cannot be created from %j', async (entry, field, code) => {
    const task = await newTask(user);
    const { body } = await addEntry(task, entry).expect(422);
    expect((body as { errors: object[] }).errors).toEqual([
      { field, code, message: expect.any(String) as string },
    ]);
    expect(await ids(user, `/tasks/${task.id}/time-entries`)).toEqual([]);
  });

  it('require a task of the user that is not in the trash', async () => {
    const other = await newUser(app);
    const [trashed, foreign] = [await newTask(user), await newTask(other)];
    const entry = (await addEntry(trashed, { hours: 1 }).expect(201)).body as Json;
    const theirs = (await other.api.post(`/tasks/${foreign.id}/time-entries`, { hours: 1 }).expect(201))
      .body as Json;
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    for (const id of [trashed.id, foreign.id, missingId]) {
      const task = { id };
      await addEntry(task, { hours: 1 }).expect(404);
      await startTimer(task).expect(404);
      await stopTimer(task).expect(404);
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

  it('are refused when their sum exceeds the limit of a task', async () => {
    const task = await newTask(user);
    for (let i = 0; i < 10; i++) await addEntry(task, { hours: 10_000 }).expect(201);
    await addEntry(task, { hours: 1 }).expect(422);
    expect(await hoursOf(task)).toBe(100_000);
    expect(await ids(user, `/tasks/${task.id}/time-entries`)).toHaveLength(10);
  });
});
