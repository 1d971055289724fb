import { onDatabase } from '../test/setup/server';
import { Call, load } from './load';
import { benchDatabase, passwordHash, signIn, startServer } from './setup';

/*
 * Compares Cairn with itself without isolation, and with a hand-written server: list 20 tasks, get one, create one. The
 * servers are measured alternately in one run, so that other load affects all of them alike.
 */
const [users, tasksEach, connections, rounds, seconds] = [200, 1000, 16, 4, 3];

async function main(): Promise<void> {
  const { databaseUrl, superuserUrl } = await benchDatabase();
  const tasks = await createTasks(superuserUrl);
  const servers = {
    minimal: await startServer('minimal', superuserUrl),
    unisolated: await startServer('unisolated', superuserUrl),
    cairn: await startServer('cairn', databaseUrl),
  };
  const tokens = await signIn(
    servers.cairn.url,
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
    const rates = { minimal: 0, unisolated: 0, cairn: 0 };
    for (const { url } of Object.values(servers)) await load(url, calls, 1); // warm-up
    for (let round = 0; round < rounds; round++) {
      for (const kind of ['minimal', 'unisolated', 'cairn'] as const)
        rates[kind] += (await load(servers[kind].url, calls, seconds)) / rounds;
    }
    const [minimal, unisolated, cairn] = [rates.minimal, rates.unisolated, rates.cairn].map(Math.round);
    const [toMinimal, toUnisolated] = [rates.cairn / rates.minimal, rates.cairn / rates.unisolated].map(
      (ratio) => ratio.toFixed(2),
    );
    process.stdout.write(
      `${name}: minimal server ${minimal}, without isolation ${unisolated}, Cairn ${cairn}: ` +
        `${toMinimal} × minimal server, ${toUnisolated} × without isolation\n`,
    );
  }
  for (const { process } of Object.values(servers)) process.kill();
  process.exit(0);
}

/** Creates the users and tasks. @returns one user per connection, with the id of one of their tasks */
async function createTasks(url: string): Promise<{ user_id: string; email: string; id: string }[]> {
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
