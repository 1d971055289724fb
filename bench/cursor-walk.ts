import { call } from './harness/api';
import { addAccounts, createSessions, fill } from './harness/data';
import { createDatabase } from './harness/database';
import { finish, print } from './harness/print';
import { Server } from './harness/servers';

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
  const { databaseUrl, superuserUrl } = await createDatabase('bench_cursor_walk');
  const server = await Server.start('cairn', databaseUrl);
  let failures = 0;
  for (const [index, order] of orders.entries()) {
    const { user, ids } = await createTasks(superuserUrl, `walker${index}@example.com`);
    const [token] = await createSessions(superuserUrl, [user]);
    failures += await walk(server.url, token!, order, ids);
  }
  finish({}, failures === 0);
}

/** Creates a user whose tasks often have the same values. @returns the id of the user and those of the tasks */
function createTasks(superuserUrl: string, email: string): Promise<{ user: string; ids: string[] }> {
  return fill(superuserUrl, async (client) => {
    await addAccounts(client, [email]);
    const { rows } = await client.query<{ user_id: string; id: string }>(
      `INSERT INTO tasks (user_id, title, priority, due_date, created_at)
       SELECT u.id, 'Task ' || n % 500, 1 + n % 5,
         CASE WHEN n % 3 > 0 THEN timestamptz '2027-01-01Z' + n % 900 * interval '1 hour' END,
         timestamptz '2026-01-01Z' + n % 5000 * interval '1 hour'
       FROM users u, generate_series(1, $2) n WHERE u.email = $1 RETURNING user_id, id`,
      [email, taskCount],
    );
    return { user: rows[0]!.user_id, ids: rows.map(({ id }) => id) };
  });
}

/** @returns the number of unchanged tasks that were missed or repeated */
async function walk(url: string, token: string, order: string, ids: string[]): Promise<number> {
  const send = (method: string, path: string, body?: object) => call(url, token, method, path, body);
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
          ? await send('PATCH', `/tasks/${id}`, {
              title: `Task ${n % 500}`,
              priority: 1 + (n % 5),
              due_date: due,
            })
          : n % 3 === 1
            ? await send('DELETE', `/tasks/${id}?permanent=${n % 2 === 0}`)
            : await send('POST', '/tasks', { title: `Task ${n % 500}`, due_date: due });
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
    const response = await send('GET', `/tasks?sort=${order}&limit=200${cursor ? `&cursor=${cursor}` : ''}`);
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
  print(
    `${order}: ${pages} pages in ${seconds} s, ${writes} writes, ${unchanged.size} unchanged tasks, ` +
      `${missed} missed, ${repeated} repeated`,
  );
  return missed + repeated;
}

void main();
