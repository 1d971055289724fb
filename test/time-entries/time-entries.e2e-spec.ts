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
      expect((await user.api.get('/timer').expect(200)).body).toMatchObject({ task_id: other.id });
    });

    it('is switched to another task in one transaction, and is found without its task', async () => {
      const [first, second] = [await newTask(user), await newTask(user)];
      const running = async () => (await user.api.get('/timer').expect(200)).body as Json;
      const change = (task: { id: string }) => user.api.post(`/tasks/${task.id}/timer/start?switch=true`);
      expect((await user.api.get('/timer').expect(204)).text).toBe('');
      const one = (await change(first).expect(201)).body as Json;
      expect(await running()).toEqual(one);
      await change({ id: missingId }).expect(404);
      expect(await running()).toEqual(one);
      const two = (await change(second).expect(201)).body as Json;
      expect(await running()).toEqual(two);
      const ended = (await user.api.get(`/time-entries?running=false`)).body as { items: Json[] };
      expect(ended.items).toMatchObject([{ id: one.id, ended_at: two.started_at }]);
      // The timer of a task in the trash goes on. It can be stopped by its entry, by its task, and by switching.
      await user.api.delete(`/tasks/${second.id}`).expect(204);
      expect(await running()).toEqual(two);
      await startTimer(first).expect(409);
      await change(second).expect(404);
      const switches = await Promise.all(Array.from({ length: 8 }, () => change(first)));
      expect(switches.map(({ status }) => status)).toEqual(Array(8).fill(201));
      const last = await running();
      expect(switches.map(({ body }) => (body as Json).id)).toContain(last.id);
      await user.api
        .patch(`/tasks/${first.id}/time-entries/${last.id}`, {
          started_at: one.started_at,
          ended_at: one.started_at,
        })
        .expect(200);
      await user.api.get('/timer').expect(204);
      expect(await ids(user, '/time-entries')).toHaveLength(10);
    });
  });

  it('are updated, and actual_hours of the task follows', async () => {
    const [task, other] = [await newTask(user), await newTask(user)];
    const times = { started_at: '2026-11-20T08:00:00.000Z', ended_at: '2026-11-20T09:30:00.000Z' };
    const entry = (await addEntry(task, { ...times, note: 'Outline' }).expect(201)).body as Json;
    const path = `/tasks/${task.id}/time-entries/${entry.id}`;
    const update = async (values: object) => (await user.api.patch(path, values).expect(200)).body as Json;
    expect(await update({ started_at: '2026-11-20T10:00:00+01:00', note: null })).toEqual({
      ...entry,
      ...{ started_at: '2026-11-20T09:00:00.000Z', hours: 0.5, note: null, version: 2 },
      updated_at: expect.any(String) as string,
    });
    expect(await hoursOf(task)).toBe(0.5);
    expect(await update({ started_at: times.started_at, ended_at: times.started_at })).toMatchObject({
      hours: 0,
      version: 3,
    });
    expect(await update({ ended_at: times.ended_at })).toMatchObject({ hours: 1.5, version: 4 });
    expect(await update({})).toMatchObject({ version: 4 });
    expect(await update({ note: null })).toMatchObject({ version: 4 });

    const refused: [object, string, string][] = [
      [{ started_at: '2026-11-20T09:30:00.001Z' }, 'started_at', 'out_of_range'],
      [{ ended_at: '2026-11-20T07:59:59.999Z' }, 'ended_at', 'out_of_range'],
      [{ started_at: '2027-01-02T00:00Z', ended_at: '2027-01-01T00:00Z' }, 'ended_at', 'out_of_range'],
      [{ started_at: null }, 'started_at', 'invalid_date'],
      [{ ended_at: 'now' }, 'ended_at', 'invalid_date'],
      [{ note: 'x'.repeat(501) }, 'note', 'too_long'],
      [{ hours: 1 }, 'hours', 'unknown_field'],
      [{ task_id: other.id }, 'task_id', 'unknown_field'],
    ];
    for (const [values, field, code] of refused) {
      const { body } = await user.api.patch(path, { note: 'refused', ...values }).expect(422);
      expect(body).toMatchObject({ errors: [{ field, code }] });
    }
    for (const wrong of [
      `/tasks/${other.id}/time-entries/${entry.id}`,
      `${path.slice(0, -36)}${missingId}`,
    ]) {
      await user.api.patch(wrong, { note: 'x' }).expect(404);
      await user.api.patch(wrong, { ended_at: '1999-01-01T00:00Z' }).expect(404);
    }
    expect(await hoursOf(task)).toBe(1.5);

    // An entry without an end is the running timer, of which there is only one.
    await startTimer(other).expect(201);
    expect(codeOf(await user.api.patch(path, { ended_at: null }).expect(409))).toBe('timer_running');
    await stopTimer(other).expect(200);
    expect(await update({ ended_at: null })).toMatchObject({ ended_at: null, hours: null, version: 5 });
    expect(await hoursOf(task)).toBeNull();
    expect(((await user.api.get('/timer').expect(200)).body as Json).id).toBe(entry.id);
    expect(await update({ ended_at: times.ended_at, note: 'Done' })).toMatchObject({
      hours: 1.5,
      version: 6,
    });
    // As when it is deleted, the task may be in the trash: the work was done.
    await user.api.delete(`/tasks/${task.id}`).expect(204);
    expect(await update({ started_at: '2026-11-20T08:30:00Z' })).toMatchObject({ hours: 1, version: 7 });
  });

  describe('of all tasks', () => {
    it('are listed in pages with filters, and added up by day and by task', async () => {
      await user.api.patch('/users/me', { timezone: 'America/New_York' }).expect(200);
      const [a, b] = [await newTask(user, { title: 'A' }), await newTask(user, { title: 'B' })];
      const add = async (task: Json, startedAt: string, hours: number) =>
        ((await addEntry(task, { started_at: startedAt, hours }).expect(201)).body as Json).id;
      const monday = await add(a, '2026-11-02T15:00:00Z', 1.5);
      // 22:30 on Monday in New York: the entry counts on the day on which it starts, also after midnight.
      const night = await add(b, '2026-11-03T03:30:00Z', 3);
      const tuesday = await add(a, '2026-11-03T05:00:00Z', 0.25);
      const earlier = await add(b, '2026-11-02T04:59:59Z', 1);
      const running = ((await startTimer(b).expect(201)).body as Json).id;
      const list = (query: string) => ids(user, `/time-entries?${query}`);
      expect(await list('')).toEqual([running, tuesday, night, monday, earlier]);
      expect(await list('sort=started_at&running=false')).toEqual([earlier, monday, night, tuesday]);
      expect(await list('running=true')).toEqual([running]);
      expect(await list(`task_id=${a.id}`)).toEqual([tuesday, monday]);
      expect(await list(`task_id=${a.id},${b.id}&started_before=2026-11-03`)).toEqual([
        night,
        monday,
        earlier,
      ]);
      const first = (await user.api.get('/time-entries?limit=2&include=total').expect(200)).body as Json;
      expect(first).toMatchObject({ total: 5, items: [{ id: running }, { id: tuesday }] });
      expect(await list(`limit=2&cursor=${String(first.next_cursor)}`)).toEqual([night, monday]);

      const range = 'include=totals&started_from=2026-11-02&started_before=2026-12-01';
      const { body } = await user.api.get(`/time-entries?${range}&limit=1`).expect(200);
      const totals = {
        hours: 4.75,
        by_day: [
          { date: '2026-11-02', hours: 4.5 },
          { date: '2026-11-03', hours: 0.25 },
        ],
        by_task: [
          { task_id: b.id, title: 'B', hours: 3 },
          { task_id: a.id, title: 'A', hours: 1.75 },
        ],
        omitted_tasks: 0,
      };
      expect(body).toEqual({
        items: [expect.objectContaining({ id: running })],
        next_cursor: expect.any(String) as string,
        totals,
      });
      const ofA = (await user.api.get(`/time-entries?${range}&task_id=${a.id}`).expect(200)).body as Json;
      expect(ofA.totals).toMatchObject({ hours: 1.75, by_task: [{ task_id: a.id }] });
      // Tasks in the trash still count: the work was done.
      await user.api.delete(`/tasks/${b.id}`).expect(204);
      expect((await user.api.get(`/time-entries?${range}`)).body).toMatchObject({ totals });
      const none = await user.api.get(`/time-entries?${range}&task_id=${missingId}`).expect(200);
      expect(none.body).toEqual({
        items: [],
        next_cursor: null,
        totals: { hours: 0, by_day: [], by_task: [], omitted_tasks: 0 },
      });
      for (const [query, field] of [
        ['include=totals', 'started_from'],
        ['include=totals&started_from=2026-01-01', 'started_before'],
        ['include=totals&started_from=2026-01-01&started_before=2027-01-03', 'started_before'],
        ['include=hours', 'include'],
      ]) {
        const refused = await user.api.get(`/time-entries?${query}`).expect(422);
        expect(refused.body).toMatchObject({ errors: [{ field }] });
      }
      const leapYear = 'include=totals&started_from=2028-01-01&started_before=2029-01-01';
      await user.api.get(`/time-entries?${leapYear}`).expect(200);
    });

    it('name at most 200 tasks in the totals', async () => {
      await app.database.query(
        `WITH new_tasks AS (
           INSERT INTO tasks (user_id, id, title) SELECT $1, gen_random_uuid(), 'Task ' || n FROM generate_series(1, 203) n
           RETURNING id, substr(title, 6)::int AS n)
         INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at)
         SELECT $1, gen_random_uuid(), id, '2026-11-02Z', '2026-11-02Z'::timestamptz + n * interval '36 seconds' FROM new_tasks`,
        [user.id],
      );
      const range = 'include=totals&started_from=2026-11-02&started_before=2026-11-03';
      const { totals } = (await user.api.get(`/time-entries?${range}&limit=1`).expect(200)).body as {
        totals: { by_task: { title: string; hours: number }[] };
      };
      expect(totals).toMatchObject({ hours: 207.06, by_day: [{ hours: 207.06 }], omitted_tasks: 3 });
      const titles = totals.by_task.map(({ title }) => title);
      expect(titles).toEqual(Array.from({ length: 200 }, (_, n) => `Task ${203 - n}`));
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
