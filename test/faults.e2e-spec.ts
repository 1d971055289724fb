import { Client } from 'pg';
import { startApp, TestApp } from './setup/app';
import { newTask, newUser, TestUser } from './setup/factories';

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

it('a connection that dies inside a transaction is a 503, and nothing is written', async () => {
  const task = await newTask(user);
  await intruder.query('BEGIN; LOCK TABLE tasks');
  const waiting = user.api.patch(`/tasks/${task.id}`, { title: 'New' }).then((answer) => answer);
  await untilWaiting();
  await endConnections();
  expect((await waiting).status).toBe(503);
  await intruder.query('ROLLBACK');
  expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toEqual(task);
});

it('the next borrower of a connection is clean, whatever happened on it', async () => {
  const [other, task] = [await newUser(app), await newTask(user)];
  const statuses: number[] = [];
  for (const path of [
    `/tasks/${task.id}`,
    '/tasks?sort=due_date&cursor=x',
    '/tasks',
    `/goals/${task.id}/tasks`,
  ]) {
    statuses.push((await user.api.get(path)).status, (await other.api.get('/tasks')).status);
    expect((await other.api.get('/tasks')).body).toMatchObject({ items: [] });
  }
  expect(statuses).toEqual([200, 200, 422, 200, 200, 200, 404, 200]);
});

/** Asks PostgreSQL until the application waits for a lock. */
async function untilWaiting(): Promise<void> {
  for (;;) {
    const { rowCount } = await intruder.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'cairn' AND wait_event_type = 'Lock'`,
    );
    if (rowCount) return;
  }
}
