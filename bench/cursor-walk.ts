import { onDatabase } from '../test/setup/server';
import { benchDatabase, passwordHash, signIn, startServer } from './setup';

/*
 * Walks through all tasks of a user by cursor, in several sort orders, while other connections create, change and delete
 * tasks without a pause. Reports how many tasks that stayed unchanged were missed or repeated, and exits with 1 if there
 * are any: npm run bench:cursor-walk -- [tasks] [writers]
 */
const [taskCount = 100_000, writers = 2] = process.argv.slice(2).map(Number);
const orders = ['-created_at', '-due_date', 'title,-priority'];

interface Page {
  items: { id: string }[];
  next_cursor: string | null;
}

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await benchDatabase('bench_cursor_walk');
  const hash = await passwordHash();
  const server = await startServer('cairn', databaseUrl, {
    QUOTA_TASKS: String(3 * taskCount),
    SLOW_STATEMENT_MS: '600000',
  });
  let failures = 0;
  for (const [index, order] of orders.entries()) {
    const email = `walker${index}@example.com`;
    const ids = await createTasks(superuserUrl, email, hash);
    const [token] = await signIn(server.url, [email]);
    failures += await walk(`${server.url}/api/v1`, token!, order, ids);
  }
  server.process.kill();
  process.exit(failures ? 1 : 0);
}

/** Creates a user whose tasks often have the same values. @returns the ids of the tasks */
function createTasks(superuserUrl: string, email: string, hash: string): Promise<string[]> {
  return onDatabase(superuserUrl, async (client) => {
    const { rows: users } = await client.query<{ id: string }>(
      'INSERT INTO users (email, password_hash) VALUES ($1, $2) RETURNING id',
      [email, hash],
    );
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO tasks (user_id, title, priority, due_date, created_at)
       SELECT $1, 'Task ' || n % 500, 1 + n % 5,
         CASE WHEN n % 3 > 0 THEN timestamptz '2027-01-01Z' + n % 900 * interval '1 hour' END,
         timestamptz '2026-01-01Z' + n % 5000 * interval '1 hour'
       FROM generate_series(1, $2) n RETURNING id`,
      [users[0]!.id, taskCount],
    );
    await client.query('VACUUM ANALYZE tasks');
    return rows.map(({ id }) => id);
  });
}

/** @returns the number of unchanged tasks that were missed or repeated */
async function walk(api: string, token: string, order: string, ids: string[]): Promise<number> {
  const call = (method: string, path: string, body?: object) =>
    fetch(api + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      body: JSON.stringify(body),
    });
  const unchanged = new Set(ids);
  let [isWalking, writes] = [true, 0];
  const write = async () => {
    while (isWalking) {
      const id = ids[Math.floor(Math.random() * ids.length)]!;
      unchanged.delete(id);
      const n = writes++;
      const due = n % 2 ? null : '2027-01-20';
      const response =
        n % 3 === 0
          ? await call('PATCH', `/tasks/${id}`, {
              title: `Task ${n % 500}`,
              priority: 1 + (n % 5),
              due_date: due,
            })
          : n % 3 === 1
            ? await call('DELETE', `/tasks/${id}?permanent=${n % 2 === 0}`)
            : await call('POST', '/tasks', { title: `Task ${n % 500}`, due_date: due });
      await response.arrayBuffer();
      if (response.status >= 400 && response.status !== 404)
        throw new Error(`A write got ${response.status}.`);
    }
  };
  const work = Array.from({ length: writers }, write);
  const found = new Map<string, number>();
  const start = Date.now();
  let [cursor, pages]: [string | null, number] = [null, 0];
  do {
    const response = await call('GET', `/tasks?sort=${order}&limit=200${cursor ? `&cursor=${cursor}` : ''}`);
    if (!response.ok) throw new Error(`A page got ${response.status}.`);
    const page = (await response.json()) as Page;
    for (const { id } of page.items) found.set(id, (found.get(id) ?? 0) + 1);
    cursor = page.next_cursor;
    pages++;
  } while (cursor);
  isWalking = false;
  await Promise.all(work);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  const missed = [...unchanged].filter((id) => !found.has(id)).length;
  const repeated = [...unchanged].filter((id) => (found.get(id) ?? 0) > 1).length;
  process.stdout.write(
    `${order}: ${pages} pages in ${seconds} s, ${writes} writes, ${unchanged.size} unchanged tasks, ` +
      `${missed} missed, ${repeated} repeated\n`,
  );
  return missed + repeated;
}

void main();
