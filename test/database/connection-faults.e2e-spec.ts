import { Client } from 'pg';
import { startApp, TestApp } from '../setup/app';
import { newGoal, newTask, newUser, signIn, TestUser } from '../setup/factories';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { PostgresProxy } from '../setup/postgres-proxy';

/* One connection in the pool, and one second to wait for it. */
let app: TestApp;
let user: TestUser;
let intruder: Client;

beforeAll(async () => {
  app = await startApp({ DATABASE_POOL_SIZE: '1', DATABASE_POOL_TIMEOUT: '1', LOG_LEVEL: 'silent' });
  user = await newUser(app);
  intruder = new Client({ connectionString: app.databaseUrl });
  await intruder.connect();
});
afterAll(async () => {
  await intruder.end();
  await app.close();
});

/** Ends the application's connections, as a restart of the server would. */
const endConnections = () =>
  intruder.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'cairn'`);

it('a statement that waits too long is a 503, a full pool is one sooner, and then all is well again', async () => {
  const task = await newTask(user);
  await intruder.query('BEGIN; LOCK TABLE tasks');
  const waiting = user.api.patch(`/tasks/${task.id}`, { title: 'New' }).then((answer) => answer);
  const full = await user.api.get('/tasks').expect(503);
  expect(full.headers['retry-after']).toBe('1');
  const health = await app.api.get('//health').expect(503);
  expect(health.body).toMatchObject({ code: 'unavailable' });
  await app.api.get('//health/live').expect(200);
  const timedOut = await waiting;
  expect([timedOut.status, timedOut.headers['retry-after']]).toEqual([503, '1']);
  await intruder.query('ROLLBACK');

  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toEqual(task);
  await app.api.get('//health').expect(200);
});

it('the writes of one user that wait for each other keep no connections from others', async () => {
  const small = await startApp({ DATABASE_POOL_SIZE: '2' });
  const [writer, reader] = [await newUser(small), await newUser(small)];
  const task = await newTask(writer);
  const unblock = await blockWrites(small, 'UPDATE OF title ON tasks');
  const writes = Array.from({ length: 6 }, (_, n) =>
    writer.api.patch(`/tasks/${task.id}`, { title: `Title ${n}` }).then(({ status }) => status),
  );
  await waitForLockWaits(small, 1);
  await reader.api.get('/tasks').expect(200);
  await reader.api.post('/tasks', { title: 'Mine' }).expect(201);
  await unblock();
  expect(await Promise.all(writes)).toEqual(Array(6).fill(200));
  expect((await writer.api.get(`/tasks/${task.id}`)).body).toMatchObject({ version: 7 });
  await small.close();
});

it('a connection that dies inside a transaction is a 503, and nothing is written', async () => {
  const task = await newTask(user);
  await intruder.query('BEGIN; LOCK TABLE tasks');
  const waiting = user.api.patch(`/tasks/${task.id}`, { title: 'New' }).then((answer) => answer);
  await until(`wait_event_type = 'Lock'`);
  await endConnections();
  expect((await waiting).status).toBe(503);
  await intruder.query('ROLLBACK');
  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toEqual(task);
});

describe('the next borrower of the connection is clean', () => {
  /** Another user, on the same connection, sees the own row and nothing else. */
  async function expectClean(): Promise<void> {
    const other = await newUser(app);
    const task = await newTask(other);
    const { body } = await other.api.get('/tasks').expect(200);
    expect(body).toMatchObject({ items: [{ id: task.id }], next_cursor: null });
    await other.api.get(`/tasks/${(await newTask(user)).id}`).expect(404);
  }

  it('after refusals', async () => {
    const task = await newTask(user);
    await user.api.patch(`/tasks/${task.id}`, { goal_id: task.id }).expect(404);
    await user.api.patch(`/tasks/${task.id}`, { parent_task_id: task.id }).expect(409);
    await user.api.get('/tasks?sort=due_date&cursor=x').expect(422);
    await app.api
      .withToken(await endedSession())
      .get('/tasks')
      .expect(401);
    await expectClean();
  });

  it('after a statement timeout inside a transaction', async () => {
    await slowTasksDown();
    try {
      const { body } = await user.api.post('/tasks', { title: 'slow' }).expect(503);
      expect(body).toMatchObject({ code: 'unavailable', detail: 'The database is busy. Try again.' });
    } finally {
      await intruder.query('DROP FUNCTION slow() CASCADE');
    }
    await expectClean();
  });

  it('after the backend was terminated inside a transaction', async () => {
    await slowTasksDown();
    try {
      const waiting = user.api.post('/tasks', { title: 'slow' }).then((answer) => answer);
      await until(`wait_event = 'PgSleep'`);
      await endConnections();
      expect((await waiting).status).toBe(503);
    } finally {
      await intruder.query('DROP FUNCTION slow() CASCADE');
    }
    await expectClean();
  });
});

it('a transaction that PostgreSQL ends because of a deadlock is tried again', async () => {
  const goal = await newGoal(user);
  const task = await newTask(user, { goal_id: goal.id });
  await intruder.query('BEGIN');
  await intruder.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [task.id]);
  const removal = user.api.delete(`/goals/${goal.id}`).then((answer) => answer);
  await until(`wait_event_type = 'Lock'`);
  // The application holds the goal and waits for the task, and now the other way round too. Who has waited longer loses.
  await intruder.query('SELECT FROM goals WHERE id = $1 FOR UPDATE', [goal.id]);
  await intruder.query('COMMIT');
  expect((await removal).status).toBe(204);
  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({ goal_id: null });
});

describe('a connection that breaks without a word', () => {
  let proxy: PostgresProxy;
  let proxiedApp: TestApp;
  let owner: TestUser;

  beforeAll(async () => {
    proxy = await PostgresProxy.open(app.databaseUrl);
    proxiedApp = await startApp({ DATABASE_URL: proxy.url, DATABASE_POOL_SIZE: '1', LOG_LEVEL: 'silent' });
  });
  beforeEach(async () => {
    owner = await newUser(app);
    owner = await signIn(proxiedApp, owner.email);
  });
  afterAll(async () => {
    await proxiedApp.close();
    proxy.close();
  });

  it('is replaced once, for a request that reads', async () => {
    proxy.cuts = 1;
    await owner.api.get('/tasks').expect(200);
    proxy.cuts = 2; // once more is once, not for ever
    await owner.api.get('/tasks').expect(503);
    await owner.api.get('/tasks').expect(200);
  });

  it.each<'cuts' | 'swallows'>(['cuts', 'swallows'])(
    'is a 503 for one that writes, which is not done twice (%s)',
    async (breaks) => {
      await owner.api.get('/tasks').expect(200);
      proxy[breaks] = 1;
      await owner.api.post('/tasks', { title: 'x' }).expect(503);
      expect(proxy[breaks]).toBe(0);
      const { body } = await owner.api.get('/tasks?include=total').expect(200);
      expect(body).toMatchObject({ total: breaks === 'cuts' ? 0 : 1 });
    },
  );
});

async function endedSession(): Promise<string> {
  const { api, access_token } = await newUser(app);
  await api.post('/auth/logout').expect(204);
  return access_token;
}

/** Writing a task takes longer than any statement may. */
const slowTasksDown = () =>
  intruder.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION slow()`);

/** Asks PostgreSQL until the application waits for this. */
async function until(condition: string): Promise<void> {
  const text = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'cairn' AND ${condition}`;
  while (!(await intruder.query(text)).rowCount);
}
