import { onDatabase } from '../test/setup/server';
import { Call, load } from './load';
import { benchDatabase, passwordHash, signIn, startServer } from './setup';

/*
 * Measures the cost of the isolation mechanisms and compares Cairn with a hand-written server: list 20 tasks, get one,
 * create one. The servers are measured alternately in one run, so that other load on the machine affects all of them.
 */
const [users, tasksEach, connections, rounds, seconds] = [200, 1000, 16, 4, 3];

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await benchDatabase();
  const tasks = await fill(superuserUrl);
  const running = {
    handWritten: await startServer('hand-written', superuserUrl),
    withoutIsolation: await startServer('without-isolation', superuserUrl),
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
    'get one': headers.map((header, i) => ({
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
    `${users * tasksEach} tasks of ${users} users, ${connections} connections; responses per second\n`,
  );
  for (const [name, calls] of Object.entries(operations)) {
    const rates = { handWritten: 0, withoutIsolation: 0, cairn: 0 };
    for (const { url } of Object.values(running)) await load(url, calls, 1); // warm-up
    for (let round = 0; round < rounds; round++) {
      for (const kind of ['handWritten', 'withoutIsolation', 'cairn'] as const)
        rates[kind] += (await load(running[kind].url, calls, seconds)) / rounds;
    }
    const handWritten = Math.round(rates.handWritten);
    const withoutIsolation = Math.round(rates.withoutIsolation);
    const cairn = Math.round(rates.cairn);
    const toHandWritten = (rates.cairn / rates.handWritten).toFixed(2);
    const toWithoutIsolation = (rates.cairn / rates.withoutIsolation).toFixed(2);
    process.stdout.write(
      `${name}: hand-written ${handWritten}, without isolation ${withoutIsolation}, Cairn ${cairn}: ` +
        `${toHandWritten} × hand-written, ${toWithoutIsolation} × without isolation\n`,
    );
  }
  for (const { process } of Object.values(running)) process.kill();
  process.exit(0);
}

/** @returns one user for each connection, with the id of one of the user's tasks */
async function fill(url: string): Promise<{ user_id: string; email: string; id: string }[]> {
  const hash = await passwordHash();
  return onDatabase(url, async (client) => {
    await client.query(`INSERT INTO users (id, email, password_hash)
      SELECT gen_random_uuid(), 'bench' || n || '@example.com', ${client.escapeLiteral(hash)} FROM generate_series(1, ${users}) n`);
    await client.query(`INSERT INTO tasks (user_id, id, title, description, category, due_date, created_at)
      SELECT u.id, gen_random_uuid(), 'Task number ' || n, 'Description of task ' || n, 'c' || n % 10,
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
