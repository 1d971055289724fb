import ICAL from 'ical.js';
import { startApp, TestApp } from '../setup/app';
import { Json, newGoal, newPersonalToken, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
let token: string;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => {
  user = await newUser(app, { timezone: 'America/New_York' });
  ({ token } = await newPersonalToken(user, { scopes: ['read'] }));
});
afterAll(() => app.close());

const daysFromNow = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

async function feed(secret = token): Promise<ICAL.Component> {
  const { text } = await app.api
    .get(`/calendar.ics?token=${secret}`)
    .expect(200)
    .expect('content-type', 'text/calendar; charset=utf-8');
  // RFC 5545, 3.1: lines end with CRLF and have at most 75 octets.
  expect(text).toMatch(/[^\n]\r\n$/);
  for (const line of text.slice(0, -2).split('\r\n')) {
    expect(line).not.toBe('');
    expect(line).not.toMatch(/[\r\n]/);
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
  }
  return new ICAL.Component(ICAL.parse(text) as unknown[]);
}

const events = async (secret = token) =>
  (await feed(secret)).getAllSubcomponents('vevent').map((component) => new ICAL.Event(component));
const titles = async (secret = token) => (await events(secret)).map(({ summary }) => summary);

describe('the calendar feed', () => {
  it('contains open tasks and goals, at their time or on their day', async () => {
    const at = daysFromNow(2);
    const task = await newTask(user, {
      title: 'At a moment',
      due_date: at,
      priority: 1,
      description: 'One\nTwo',
    });
    const onDay = await newTask(user, { title: 'On a day', due_date: '2099-12-31' });
    const goal = await newGoal(user, { title: 'Far away', target_date: '2100-06-30' });
    const [first, second, third, ...more] = await events();
    expect(more).toEqual([]);
    expect([first!.uid, first!.summary, first!.description]).toEqual([
      `task-${task.id}@cairn`,
      'At a moment',
      'One\nTwo',
    ]);
    expect(first!.startDate.isDate).toBe(false);
    // iCalendar has no fractions of a second.
    expect(first!.startDate.toJSDate().getTime()).toBe(Math.floor(Date.parse(at) / 1000) * 1000);
    expect(first!.sequence).toBe(1);
    const property = (name: string) => first!.component.getFirstPropertyValue(name);
    expect([property('priority'), property('categories'), property('transp')]).toEqual([
      1,
      'Task',
      'TRANSPARENT',
    ]);
    // Due at the end of the 31st in New York, which is the 1st in UTC.
    expect([second!.uid, second!.startDate.isDate, second!.startDate.toString()]).toEqual([
      `task-${onDay.id}@cairn`,
      true,
      '2099-12-31',
    ]);
    expect([third!.uid, third!.summary, third!.startDate.toString()]).toEqual([
      `goal-${goal.id}@cairn`,
      'Goal: Far away',
      '2100-06-30',
    ]);
  });

  it('contains no completed, cancelled, undated, trashed or long overdue items, and none of other users', async () => {
    const due = (title: string, fields: object = {}) =>
      newTask(user, { title, due_date: daysFromNow(1), ...fields });
    await due('open');
    await due('overdue', { due_date: daysFromNow(-80) });
    await due('long overdue', { due_date: daysFromNow(-91) });
    await due('done', { status: 'completed' });
    await due('dropped', { status: 'cancelled' });
    await due('undated', { due_date: null });
    const trashed = await due('trashed');
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    for (const status of ['active', 'on_hold', 'completed', 'cancelled']) {
      await newGoal(user, { title: status, status, target_date: daysFromNow(3) });
    }
    await newGoal(user, { title: 'undated' });
    const other = await newUser(app);
    await newTask(other, { title: 'foreign', due_date: daysFromNow(1) });
    expect(await titles()).toEqual(['overdue', 'open', 'Goal: active', 'Goal: on_hold']);
    expect(await titles((await newPersonalToken(other, { scopes: ['read'] })).token)).toEqual(['foreign']);
  });

  it('encodes any text so that a parser restores it', async () => {
    const title = 'Komma, Semikolon; \\ "quoted" : BEGIN:VEVENT 石🪨' + 'ä'.repeat(200) + '🪨'.repeat(60);
    const description = 'a\r\nEND:VCALENDAR\nx\u001b[31m\u0007y\tz\\n' + '石'.repeat(300);
    await newTask(user, { title, description, due_date: daysFromNow(1) });
    const [event] = await events();
    expect(event!.summary).toBe(title);
    expect(event!.description).toBe('a\nEND:VCALENDAR\nx[31my\tz\\n' + '石'.repeat(300));
    const { text: raw } = await app.api.get(`/calendar.ics?token=${token}`).expect(200);
    const lines = raw.replace(/\r\n /g, '').split('\r\n');
    expect(lines.find((line) => line.startsWith('SUMMARY'))).toBe(
      'SUMMARY:Komma\\, Semikolon\\; \\\\ "quoted" : BEGIN:VEVENT 石🪨' + 'ä'.repeat(200) + '🪨'.repeat(60),
    );
    expect(lines.filter((line) => line.startsWith('END:'))).toEqual(['END:VEVENT', 'END:VCALENDAR']);
  });

  it('contains the beginning of a long description', async () => {
    await newTask(user, { description: 'é\n'.repeat(5000), due_date: daysFromNow(1) });
    expect((await events())[0]!.description).toBe('é\n'.repeat(500));
  });

  it('contains the descriptions of the next items, up to 500,000 characters', async () => {
    await app.database.query(
      `INSERT INTO tasks (user_id, id, title, description, due_date)
       SELECT $1, gen_random_uuid(), 'Task ' || n, repeat('d', 1000), now() + n * interval '1 hour' FROM generate_series(1, 510) n`,
      [user.id],
    );
    const lengths = (await events()).map(({ description }) => description?.length ?? 0);
    expect([lengths.length, lengths[499], lengths[500]]).toEqual([510, 1000, 0]);
  });

  it('contains the next thousand items', async () => {
    await app.database.query(
      `INSERT INTO tasks (user_id, id, title, due_date)
     SELECT $1, gen_random_uuid(), 'Task ' || n, now() + n * interval '1 hour' FROM generate_series(1, 1100) n`,
      [user.id],
    );
    const all = await titles();
    expect([all.length, all[0], all.at(-1)]).toEqual([1000, 'Task 1', 'Task 1000']);
  });

  describe('with the token in its URL', () => {
    const problem = async (address: string, status: number) =>
      (await app.api.get(address).expect(status)).body as Json;

    it('accepts only personal access tokens with no more than the scope read', async () => {
      for (const scopes of [['write'], ['read', 'write']]) {
        const wider = await newPersonalToken(user, { scopes });
        expect(await problem(`/calendar.ics?token=${wider.token}`, 403)).toMatchObject({
          code: scopes.includes('read') ? 'read_only_wanted' : 'insufficient_scope',
        });
      }
      expect(await problem(`/calendar.ics?token=${user.access_token}`, 401)).toMatchObject({
        code: 'unauthorized',
      });
      for (const address of ['/calendar.ics', '/calendar.ics?token=', '/calendar.ics?token=cairn_x']) {
        await problem(address, 401);
      }
      await problem(`/calendar.ics?token=${token}&token=${token}`, 401);
      await problem(`/calendar.ics?token=${token}&x=1`, 422);
    });

    it('is refused when the token is revoked', async () => {
      const { id, token: secret } = await newPersonalToken(user, { scopes: ['read'] });
      await feed(secret);
      await user.api.delete(`/auth/tokens/${id}`).expect(204);
      await problem(`/calendar.ics?token=${secret}`, 401);
    });

    it('is the only route that accepts it there', async () => {
      for (const path of ['/tasks', '/goals', '/dashboard', '/users/me', '/users/me/export']) {
        await problem(`${path}?token=${token}`, 401);
      }
      const foreign = await newUser(app);
      await foreign.api.get(`/calendar.ics?token=cairn_${'x'.repeat(43)}`).expect(401);
    });

    it('accepts a token in the header as well', async () => {
      await app.api.withToken(token).get('/calendar.ics').expect(200);
      await user.api.get('/calendar.ics').expect(200);
    });
  });
});
