import { onDatabase } from '../test/setup/server';
import { Call, load } from './load';
import { benchDatabase, passwordHash, signIn, startServer } from './setup';

/*
 * What the walls cost, and how far Cairn is from a hand-written server: list 20 tasks, read one, create one. The servers
 * take turns in one run, so that their ratio holds whatever else the machine does.
 */
const [users, tasksEach, connections, rounds, seconds] = [200, 1000, 16, 4, 3];

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await benchDatabase();
  const tasks = await fill(superuserUrl);
  const running = {
    limit: await startServer('limit', superuserUrl),
    open: await startServer('open', superuserUrl),
    cairn: await startServer('cairn', databaseUrl),
  };
  const tokens = await signIn(
    running.cairn.url,
    tasks.map(({ email }) => email),
  );
  const headers = tasks.map(({ user_id }, index) => ({
    authorization: `Bearer ${tokens[index]}`,
    'x-user': user_id,
  }));
  const operations: Record<string, Call[]> = {
    'list 20': headers.map((header) => ({ method: 'GET', path: '/api/v1/tasks?limit=20', headers: header })),
    'read one': headers.map((header, i) => ({
      method: 'GET',
      path: `/api/v1/tasks/${tasks[i]!.id}`,
      headers: header,
    })),
    'create one': headers.map((header) => ({
      method: 'POST',
      path: '/api/v1/tasks',
      headers: header,
      body: '{"title":"Lay a stone","priority":2}',
    })),
  };
  process.stdout.write(
    `${users * tasksEach} tasks of ${users} users, ${connections} connections; answers per second\n`,
  );
  for (const [name, calls] of Object.entries(operations)) {
    const rates = { limit: 0, open: 0, cairn: 0 };
    for (const { url } of Object.values(running)) await load(url, calls, 1); // warm
    for (let round = 0; round < rounds; round++) {
      for (const kind of ['limit', 'open', 'cairn'] as const)
        rates[kind] += (await load(running[kind].url, calls, seconds)) / rounds;
    }
    const [limit, open, cairn] = [rates.limit, rates.open, rates.cairn].map(Math.round);
    const [toLimit, toOpen] = [rates.cairn / rates.limit, rates.cairn / rates.open].map((ratio) =>
      ratio.toFixed(2),
    );
    process.stdout.write(
      `${name}: limit ${limit}, without walls ${open}, Cairn ${cairn}: ${toLimit} × limit, ${toOpen} × without walls\n`,
    );
  }
  for (const { process } of Object.values(running)) process.kill();
  process.exit(0);
}

/** @returns one user for each connection, with one of the user's tasks */
async function fill(url: string): Promise<{ user_id: string; email: string; id: string }[]> {
  const hash = await passwordHash();
  return onDatabase(url, async (client) => {
    await client.query(`INSERT INTO users (id, email, password_hash)
      SELECT gen_random_uuid(), 'bench' || n || '@example.com', ${client.escapeLiteral(hash)} FROM generate_series(1, ${users}) n`);
    await client.query(`INSERT INTO tasks (user_id, id, title, description, category, due_date, created_at)
      SELECT u.id, gen_random_uuid(), 'Task number ' || n, 'What there is to say of task ' || n, 'c' || n % 10,
        now() + n * interval '1 hour', now() - n * interval '1 minute'
      FROM generate_series(1, ${tasksEach}) n, users u`);
    await client.query('VACUUM ANALYZE');
    const { rows } = await client.query<{ user_id: string; email: string; id: string }>(
      `SELECT DISTINCT ON (u.id) u.id AS user_id, u.email, t.id FROM users u JOIN tasks t ON t.user_id = u.id LIMIT ${connections}`,
    );
    return rows;
  });
}

void main();
