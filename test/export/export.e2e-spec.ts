import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { startApp, TestApp } from '../setup/app';
import { Json, newGoal, newPersonalToken, newTask, newUser, signIn, TestUser } from '../setup/factories';

let app: TestApp;
beforeAll(async () => (app = await startApp({ DATABASE_POOL_SIZE: '3' })));
afterAll(() => app.close());

type Export = Record<'user', Json> &
  Record<
    'goals' | 'tasks' | 'tags' | 'time_entries' | 'dependencies' | 'history' | 'sessions' | 'tokens',
    Json[]
  >;

async function exportOf(user: TestUser): Promise<Export> {
  const answer = await user.api
    .get('/users/me/export')
    .expect(200)
    .expect('content-type', /^application\/json/)
    .expect('content-disposition', 'attachment; filename="cairn-export.json"');
  return answer.body as Export;
}

/** Asks for the export on a connection of its own. */
function readExport({ access_token }: TestUser): Socket {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.write(
    `GET /api/v1/users/me/export HTTP/1.1\r\nHost: cairn\r\nAuthorization: Bearer ${access_token}\r\nConnection: close\r\n\r\n`,
  );
  return socket;
}

/** So many tasks of the user, with 4 KB of notes each, every tenth in the trash. */
const fill = ({ id }: TestUser, count: number) =>
  app.database.query(
    `INSERT INTO tasks (user_id, id, title, notes, deleted_at)
     SELECT $1, gen_random_uuid(), 'Task ' || n || ' "\\ 🪨', repeat('n', 4000), CASE WHEN n % 10 = 0 THEN now() END
     FROM generate_series(1, $2) n`,
    [id, count],
  );

it('holds everything that is the user’s, as the API shows it, and nothing of anybody else', async () => {
  const [user, other] = [await newUser(app), await newUser(app)];
  const goal = await newGoal(user, { metrics: { height: 1.5 } });
  const part = await newGoal(user, { parent_goal_id: goal.id });
  const task = await newTask(user, { goal_id: part.id, title: '石 "quoted" \\ 🪨', tags: ['石', 'a'] });
  const trashed = await newTask(user, { parent_task_id: task.id });
  await user.api.put(`/tasks/${task.id}/dependencies/${trashed.id}`).expect(204);
  await user.api.post(`/tasks/${trashed.id}/time-entries`, { hours: 2 }).expect(201);
  await user.api.delete(`/tasks/${trashed.id}`).expect(204);
  const ended = await signIn(app, user.email);
  await ended.api.post('/auth/logout').expect(204);
  const { token: secret, ...token } = await newPersonalToken(user);
  await newTask(other, { goal_id: (await newGoal(other)).id });

  const all = await exportOf(user);
  expect(Object.keys(all)).toEqual([
    'exported_at',
    'user',
    'goals',
    'tasks',
    'tags',
    'time_entries',
    'dependencies',
    'history',
    'sessions',
    'tokens',
  ]);
  expect(all.user).toEqual((await user.api.get('/users/me').expect(200)).body);
  const { body: goals } = await user.api.get('/goals?sort=created_at').expect(200);
  expect(all.goals).toEqual((goals as { items: Json[] }).items);
  expect(all.goals.map(({ id }) => id)).toEqual([goal.id, part.id]);
  const { body } = await user.api.get('/tasks?trashed=true').expect(200);
  expect(all.tasks).toEqual([task, ...(body as { items: Json[] }).items]);
  expect(all.sessions.map(({ current }) => current)).toEqual([true, false]);
  expect(all.tags.map(({ name }) => name)).toEqual(['石', 'a']);
  expect(all.tokens).toEqual([token]);
  expect(all.dependencies).toEqual([{ task_id: task.id, depends_on_id: trashed.id }]);
  expect(all.time_entries).toEqual([expect.objectContaining({ task_id: trashed.id, hours: 2 })]);
  expect(all.history.map(({ entity_id, operation }) => [entity_id, operation])).toEqual([
    [goal.id, 'create'],
    [part.id, 'create'],
    [task.id, 'create'],
    [part.id, 'update'], // its progress, and that of the goal above it
    [goal.id, 'update'],
    [trashed.id, 'create'],
    [trashed.id, 'update'],
    [trashed.id, 'update'],
  ]);
  expect(JSON.stringify(all)).not.toContain(secret);
  const rest: Partial<Export> = { ...all };
  delete rest.sessions;
  delete rest.tokens;
  const program = await exportOf({ ...user, api: app.api.withToken(secret) });
  expect(program).toEqual({ ...rest, exported_at: expect.any(String) as string });
  expect(await exportOf(other)).toMatchObject({
    user: { id: other.id },
    goals: [{}],
    tasks: [{}],
    tokens: [],
  });
});

it('of a large account is whole', async () => {
  const user = await newUser(app);
  await fill(user, 2500);
  const { tasks } = await exportOf(user);
  const { rows } = await app.database.query<{ id: string }>(
    'SELECT id FROM tasks WHERE user_id = $1 ORDER BY id',
    [user.id],
  );
  expect(tasks.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
  expect(rows).toHaveLength(2500);
});

it('of several users at once, read by slow readers, mixes nothing and holds up nobody', async () => {
  const users = [
    await newUser(app),
    await newUser(app),
    await newUser(app),
    await newUser(app),
    await newUser(app),
  ];
  for (const user of users) await fill(user, 2000);
  const readers = users.map((user) => readExport(user).pause());
  // Each of them waits for its reader: more of them than there are connections to the database.
  for (const user of users) await user.api.get('/tasks').expect(200);
  const answers = await Promise.all(
    readers.map(async (socket) => {
      let text = '';
      for await (const chunk of socket.setEncoding('utf8')) text += chunk as string;
      return text;
    }),
  );
  for (const [index, answer] of answers.entries()) {
    const owners = new Set([...answer.matchAll(/"id":"([0-9a-f-]{36})","email"/g)].map(([, id]) => id));
    expect([...owners]).toEqual([users[index]!.id]);
    expect([...answer.matchAll(/"title":"Task /g)]).toHaveLength(2000);
    expect(answer).toMatch(/\r\n0\r\n\r\n$/);
  }
});

it('breaks off when the session ends meanwhile, and can be told from a whole one', async () => {
  const user = await newUser(app);
  await fill(user, 5000);
  const answer = await fetch(`${app.url}/api/v1/users/me/export`, {
    headers: { authorization: `Bearer ${user.access_token}` },
  });
  expect(answer.status).toBe(200);
  await user.api.post('/auth/logout').expect(204);
  await expect(answer.text()).rejects.toThrow();
  await app.api.get('//health').expect(200);
});

it('of a session that has ended is a 401, and of nobody too', async () => {
  const user = await newUser(app);
  await user.api.post('/auth/logout').expect(204);
  await user.api
    .get('/users/me/export')
    .expect(401)
    .expect('content-type', /problem\+json/);
  await app.api.get('/users/me/export').expect(401);
});

it('is read one at a time by one user, and is free again when its reader goes', async () => {
  const user = await newUser(app);
  await fill(user, 5000);
  for (let i = 0; i < 6; i++) {
    const socket = readExport(user);
    await once(socket.pause(), 'readable');
    expect(String(socket.read())).toMatch(/^HTTP\/1.1 200/);
    const { body } = await user.api.get('/users/me/export').expect(409);
    expect(body).toMatchObject({ code: 'export_running' });
    socket.destroy();
    for (;;) if ((await user.api.get('/users/me/export')).status === 200) break;
  }
});
