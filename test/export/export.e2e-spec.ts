import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { startApp, TestApp } from '../setup/app';
import { countRows, createMissingRows, ownedTables, whyThereIsNoRow } from '../setup/catalogue';
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
  const response = await user.api
    .get('/users/me/export')
    .expect(200)
    .expect('content-type', /^application\/json/)
    .expect('content-disposition', 'attachment; filename="cairn-export.json"');
  return response.body as Export;
}

/** Requests an export on a connection that the test reads at its own pace. */
function requestExport({ access_token }: TestUser): Socket {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.write(
    `GET /api/v1/users/me/export HTTP/1.1\r\nHost: cairn\r\nAuthorization: Bearer ${access_token}\r\nConnection: close\r\n\r\n`,
  );
  return socket;
}

/** Creates tasks with 4 KB of notes each, every tenth in the trash. */
const createTasks = ({ id }: TestUser, count: number) =>
  app.database.query(
    `INSERT INTO tasks (user_id, id, title, notes, deleted_at)
     SELECT $1, gen_random_uuid(), 'Task ' || n || ' "\\ 🪨', repeat('n', 4000), CASE WHEN n % 10 = 0 THEN now() END
     FROM generate_series(1, $2) n`,
    [id, count],
  );

describe('the export', () => {
  it('contains everything the user owns, as the API shows it, and nothing of other users', async () => {
    const [user, other] = [await newUser(app), await newUser(app)];
    const goal = await newGoal(user, { metrics: { height: 1.5 } });
    const subgoal = await newGoal(user, { parent_goal_id: goal.id });
    const task = await newTask(user, { goal_id: subgoal.id, title: '石 "quoted" \\ 🪨', tags: ['石', 'a'] });
    const trashed = await newTask(user, { parent_task_id: task.id });
    await user.api.put(`/tasks/${task.id}/dependencies/${trashed.id}`).expect(204);
    await user.api.post(`/tasks/${trashed.id}/time-entries`, { hours: 2 }).expect(201);
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    const ended = await signIn(app, user.email);
    await ended.api.post('/auth/logout').expect(204);
    const { token: secret, ...token } = await newPersonalToken(user);
    await newTask(other, { goal_id: (await newGoal(other)).id });

    const all = await exportOf(user);
    const members = [
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
    ];
    // Further resources have separate members: the test of every owned table is about them.
    expect(Object.keys(all).filter((name) => members.includes(name))).toEqual(members);
    expect(all.user).toEqual((await user.api.get('/users/me').expect(200)).body);
    const { body: goals } = await user.api.get('/goals?sort=created_at').expect(200);
    expect(all.goals).toEqual((goals as { items: Json[] }).items);
    expect(all.goals.map(({ id }) => id)).toEqual([goal.id, subgoal.id]);
    const { body } = await user.api.get('/tasks?trashed=true').expect(200);
    expect(all.tasks).toEqual([task, ...(body as { items: Json[] }).items]);
    expect(all.sessions.map(({ current }) => current)).toEqual([true, false]);
    expect(all.tags.map(({ name }) => name)).toEqual(['石', 'a']);
    expect(all.tokens).toEqual([token]);
    expect(all.dependencies).toEqual([{ task_id: task.id, depends_on_id: trashed.id }]);
    expect(all.time_entries).toEqual([expect.objectContaining({ task_id: trashed.id, hours: 2 })]);
    expect(all.history.map(({ entity_id, operation }) => [entity_id, operation])).toEqual([
      [goal.id, 'create'],
      [subgoal.id, 'create'],
      [task.id, 'create'],
      [trashed.id, 'create'],
      [trashed.id, 'update'],
      [trashed.id, 'update'],
    ]);
    expect(JSON.stringify(all)).not.toContain(secret);
    const withoutSecrets: Partial<Export> = { ...all };
    delete withoutSecrets.sessions;
    delete withoutSecrets.tokens;
    const byToken = await exportOf({ ...user, api: app.api.withToken(secret) });
    expect(byToken).toEqual({ ...withoutSecrets, exported_at: expect.any(String) as string });
    expect(await exportOf(other)).toMatchObject({
      user: { id: other.id },
      goals: [{}],
      tasks: [{}],
      tokens: [],
    });
  });

  it('is complete for a large account', async () => {
    const user = await newUser(app);
    await createTasks(user, 2500);
    const { tasks } = await exportOf(user);
    const { rows } = await app.database.query<{ id: string }>(
      'SELECT id FROM tasks WHERE user_id = $1 ORDER BY id',
      [user.id],
    );
    expect(tasks.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(rows).toHaveLength(2500);
  });

  it('keeps users apart and blocks no request when several slow clients read at once', async () => {
    const users = [
      await newUser(app),
      await newUser(app),
      await newUser(app),
      await newUser(app),
      await newUser(app),
    ];
    for (const user of users) await createTasks(user, 2000);
    const readers = users.map((user) => requestExport(user).pause());
    // All exports wait for their clients, and there are more of them than database connections.
    for (const user of users) await user.api.get('/tasks').expect(200);
    const responses = await Promise.all(
      readers.map(async (socket) => {
        let text = '';
        for await (const chunk of socket.setEncoding('utf8')) text += chunk as string;
        return text;
      }),
    );
    for (const [index, response] of responses.entries()) {
      const owners = new Set([...response.matchAll(/"id":"([0-9a-f-]{36})","email"/g)].map(([, id]) => id));
      expect([...owners]).toEqual([users[index]!.id]);
      expect([...response.matchAll(/"title":"Task /g)]).toHaveLength(2000);
      expect(response).toMatch(/\r\n0\r\n\r\n$/);
    }
  });

  it('ends with an error in the middle of the response when the session ends meanwhile', async () => {
    const user = await newUser(app);
    await createTasks(user, 5000);
    const response = await fetch(`${app.url}/api/v1/users/me/export`, {
      // Compressed, all of it would fit into the buffers of the connection.
      headers: { authorization: `Bearer ${user.access_token}`, 'accept-encoding': 'identity' },
    });
    expect(response.status).toBe(200);
    await user.api.post('/auth/logout').expect(204);
    await expect(response.text()).rejects.toThrow();
    await app.api.get('//health').expect(200);
  });

  it('returns 401 without a token and after the end of the session', async () => {
    const user = await newUser(app);
    await user.api.post('/auth/logout').expect(204);
    await user.api
      .get('/users/me/export')
      .expect(401)
      .expect('content-type', /problem\+json/);
    await app.api.get('/users/me/export').expect(401);
  });

  it('runs once at a time for each user, until its client reads all of it or disconnects', async () => {
    const user = await newUser(app);
    await createTasks(user, 5000);
    /** Waits for an export that is admitted, without reading more than its beginning. */
    const openExport = async (): Promise<Socket> => {
      for (;;) {
        const socket = requestExport(user);
        await once(socket.pause(), 'readable');
        const beginning = String(socket.read());
        if (beginning.startsWith('HTTP/1.1 200')) return socket;
        expect(beginning).toMatch(/^HTTP\/1.1 409/);
        socket.destroy();
      }
    };
    for (let i = 0; i < 6; i++) {
      // The response is larger than the buffers of the connection: the export cannot end before it is read.
      const socket = await openExport();
      const { body } = await user.api.get('/users/me/export').expect(409);
      expect(body).toMatchObject({ code: 'export_running' });
      socket.destroy();
    }
    // The last one, too, ends shortly after its client has disconnected.
    let status: number;
    do ({ status } = await user.api.get('/users/me/export'));
    while (status === 409);
    expect(status).toBe(200);
  });

  /** The members of the export that are not named like their table. */
  const memberOfTable: Record<string, string> = {
    changes: 'history',
    personal_tokens: 'tokens',
    task_dependencies: 'dependencies',
  };

  /** The owned tables that are not exported. */
  const notExported: Record<string, string> = {
    import_parts: 'is the document of an import that is not finished',
    idempotency_keys: 'contains responses of the last 24 hours',
    imported_rows: 'is only needed to import the same source again',
    imports: 'is the state of the last import',
    one_time_tokens: 'contains secrets only',
    row_counts: 'is derived from the other tables',
    task_tags: 'is exported as `tags` of each task',
  };

  it('contains every row of every owned table', async () => {
    const user = await newUser(app);
    const [task, dependency] = [await newTask(user, { tags: ['a'] }), await newTask(user)];
    await user.api.put(`/tasks/${task.id}/dependencies/${dependency.id}`).expect(204);
    await createMissingRows(app, user);
    const document = (await exportOf(user)) as Record<string, unknown>;
    const missing: string[] = [];
    for (const table of await ownedTables(app)) {
      if (table in notExported) continue;
      const count = await countRows(app, table, user.id);
      if (count === 0) missing.push(whyThereIsNoRow(app, table));
      const member = memberOfTable[table] ?? table;
      const exported = document[member];
      if (!Array.isArray(exported)) missing.push(`${table}: the export has no member \`${member}\``);
      else if (exported.length !== count)
        missing.push(`${table}: the export has ${exported.length} of ${count} rows`);
    }
    expect(missing).toEqual([]);
  });
});
