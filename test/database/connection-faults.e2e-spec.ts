import { Client } from 'pg';
import { newDatabase, startApp, TestApp } from '../setup/app';
import { newGoal, newTask, newUser, signIn, TestUser } from '../setup/factories';
import { blockReads, blockWrites, waitForLockWaits } from '../setup/locks';
import { PostgresProxy } from '../setup/postgres-proxy';
import { onDatabase } from '../setup/server';

/* An instance with one database connection. */
let app: TestApp;
let user: TestUser;
/** A connection to the same database. */
let client: Client;

beforeAll(async () => {
  const databaseUrl = await newDatabase();
  // Of two transactions in a deadlock, the one that looks for it is ended: here the application's, after three seconds.
  await onDatabase(databaseUrl, (superuser) =>
    superuser.query(`ALTER DATABASE ${new URL(databaseUrl).pathname.slice(1)} SET deadlock_timeout = '3s'`),
  );
  app = await startApp({ DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE: '1', LOG_LEVEL: 'silent' });
  user = await newUser(app);
  client = new Client({ connectionString: app.databaseUrl });
  await client.connect();
  await client.query(`SET deadlock_timeout = '10min'`);
});
afterAll(async () => {
  await client.end();
  await app.close();
});

/** Terminates the connections of the application, like a restart of the server. */
const terminateConnections = () =>
  client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'cairn'`);

it('a statement that waits too long and a full pool return 503, and the application recovers', async () => {
  const small = await startApp({
    DATABASE_URL: app.databaseUrl,
    DATABASE_POOL_SIZE: '1',
    DATABASE_POOL_TIMEOUT: '1',
    LOG_LEVEL: 'silent',
  });
  const api = small.api.withToken(user.access_token);
  const task = await newTask(user);
  await client.query('BEGIN; LOCK TABLE tasks');
  const update = api.patch(`/tasks/${task.id}`, { title: 'New' }).then();
  await waitForLockWaits(small, 1);
  const [poolIsFull, health] = await Promise.all([
    api.get('/tasks').expect(503),
    small.api.get('//health').expect(503),
  ]);
  expect(poolIsFull.headers['retry-after']).toBe('1');
  expect(health.body).toMatchObject({ code: 'unavailable' });
  await small.api.get('//health/live').expect(200);
  const timedOut = await update;
  expect([timedOut.status, timedOut.headers['retry-after']]).toEqual([503, '1']);
  await client.query('ROLLBACK');

  expect((await api.get(`/tasks/${task.id}`).expect(200)).body).toEqual(task);
  await small.api.get('//health').expect(200);
  await small.close();
});

it('queued writes of one user leave database connections to other users', async () => {
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

describe('many reads of one user', () => {
  let small: TestApp;
  let heavy: TestUser;
  let other: TestUser;
  beforeAll(async () => {
    small = await startApp({ DATABASE_POOL_SIZE: '8', USER_QUEUE_SIZE: '5', LOG_LEVEL: 'silent' });
    [heavy, other] = [await newUser(small), await newUser(small)];
    await newTask(heavy, { tags: ['a'] });
  });
  afterAll(() => small.close());

  const countLockWaits = async () => {
    const { rows } = await small.database.query<{ count: number }>(
      `SELECT count(*)::integer FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows[0]!.count;
  };

  it('use a quarter of the connections; the excess is refused, and other users are served', async () => {
    const unblock = await blockReads(small, 'tags');
    const statuses: number[] = [];
    const refusals: Record<string, unknown>[] = [];
    let onRefusal: () => void = () => undefined;
    const refused = new Promise<void>((resolve) => (onRefusal = resolve));
    // Two run, five wait.
    const reads = Array.from({ length: 12 }, () =>
      heavy.api.get('/tags').then(({ status, body, headers }) => {
        statuses.push(status);
        if (status === 200) return;
        refusals.push({ ...(body as object), retry: headers['retry-after'] });
        if (refusals.length === 5) onRefusal();
      }),
    );
    await refused;
    await waitForLockWaits(small, 2);
    await other.api.get('/tasks').expect(200);
    await other.api.post('/tasks', { title: 'Mine' }).expect(201);
    await heavy.api.get('/tasks').expect(429);
    expect(await countLockWaits()).toBe(2);
    await unblock();
    await Promise.all(reads);
    expect(statuses.sort()).toEqual([...Array<number>(7).fill(200), ...Array<number>(5).fill(429)]);
    expect(refusals[0]).toMatchObject({ status: 429, code: 'too_many_requests', retry: '1' });
    await heavy.api.get('/tasks').expect(200);
  });
});

it('a connection that is lost inside a transaction returns 503, and nothing is written', async () => {
  const task = await newTask(user);
  await client.query('BEGIN; LOCK TABLE tasks');
  const update = user.api.patch(`/tasks/${task.id}`, { title: 'New' }).then();
  await waitForBackend(`wait_event_type = 'Lock'`);
  await terminateConnections();
  expect((await update).status).toBe(503);
  await client.query('ROLLBACK');
  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toEqual(task);
});

describe('a reused connection carries over no state', () => {
  /** Another user on the same connection sees only their own rows. */
  async function expectIsolation(): Promise<void> {
    const other = await newUser(app);
    const task = await newTask(other);
    const { body } = await other.api.get('/tasks').expect(200);
    expect(body).toMatchObject({ items: [{ id: task.id }], next_cursor: null });
    await other.api.get(`/tasks/${(await newTask(user)).id}`).expect(404);
  }

  it('after refused requests', async () => {
    const task = await newTask(user);
    await user.api.patch(`/tasks/${task.id}`, { goal_id: task.id }).expect(404);
    await user.api.patch(`/tasks/${task.id}`, { parent_task_id: task.id }).expect(409);
    await user.api.get('/tasks?sort=due_date&cursor=x').expect(422);
    await app.api
      .withToken(await endedSession())
      .get('/tasks')
      .expect(401);
    await expectIsolation();
  });

  it('after a statement timeout inside a transaction', async () => {
    await slowDownTasks();
    try {
      const { body } = await user.api.post('/tasks', { title: 'slow' }).expect(503);
      expect(body).toMatchObject({ code: 'unavailable', detail: 'The database is busy. Try again.' });
    } finally {
      await client.query('DROP FUNCTION slow() CASCADE');
    }
    await expectIsolation();
  });

  it('after its server process is terminated inside a transaction', async () => {
    await slowDownTasks();
    try {
      const creation = user.api.post('/tasks', { title: 'slow' }).then();
      await waitForBackend(`wait_event = 'PgSleep'`);
      await terminateConnections();
      expect((await creation).status).toBe(503);
    } finally {
      await client.query('DROP FUNCTION slow() CASCADE');
    }
    await expectIsolation();
  });
});

it('a transaction that PostgreSQL aborts because of a deadlock is retried', async () => {
  const goal = await newGoal(user);
  const task = await newTask(user, { goal_id: goal.id });
  await client.query('BEGIN');
  await client.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [task.id]);
  const deletion = user.api.delete(`/goals/${goal.id}`).then();
  await waitForBackend(`wait_event_type = 'Lock'`);
  // The application has locked the goal and waits for the task; this closes the cycle.
  await client.query('SELECT FROM goals WHERE id = $1 FOR UPDATE', [goal.id]);
  await client.query('COMMIT');
  expect((await deletion).status).toBe(204);
  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({ goal_id: null });
});

describe('a connection that breaks without notice', () => {
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

  it('is replaced once for a request that reads', async () => {
    proxy.breaksBeforeRequest = 1;
    await owner.api.get('/tasks').expect(200);
    proxy.breaksBeforeRequest = 2; // one retry, no more
    await owner.api.get('/tasks').expect(503);
    await owner.api.get('/tasks').expect(200);
  });

  it.each<'breaksBeforeRequest' | 'breaksAfterCommit'>(['breaksBeforeRequest', 'breaksAfterCommit'])(
    'returns 503 for a write, which is not repeated (%s)',
    async (fault) => {
      await owner.api.get('/tasks').expect(200);
      proxy[fault] = 1;
      await owner.api.post('/tasks', { title: 'x' }).expect(503);
      expect(proxy[fault]).toBe(0);
      const { body } = await owner.api.get('/tasks?include=total').expect(200);
      expect(body).toMatchObject({ total: fault === 'breaksBeforeRequest' ? 0 : 1 });
    },
  );
});

async function endedSession(): Promise<string> {
  const { api, access_token } = await newUser(app);
  await api.post('/auth/logout').expect(204);
  return access_token;
}

/** Makes creating a task take longer than the statement timeout. */
const slowDownTasks = () =>
  client.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION slow()`);

/** Polls PostgreSQL until a backend of the application is in this state. */
async function waitForBackend(condition: string): Promise<void> {
  const text = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'cairn' AND ${condition}`;
  while (!(await client.query(text)).rowCount);
}
