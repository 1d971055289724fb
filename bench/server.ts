import { createServer, IncomingMessage } from 'node:http';
import { Pool } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { createApp } from '../src/app';
import { loadConfig } from '../src/core/config';
import { ConnectionPool, resultsOf } from '../src/database/connection-pool';
import { Database, Statements } from '../src/database/database';

/**
 * Starts one of the servers that are compared and prints its URL.
 * `hand-written`: node:http and pg with named statements; no accounts, no validation, no isolation.
 * `without-isolation`: Cairn with only its statements, as a superuser: no transaction, no `enter`, no policies.
 * `cairn`: Cairn without modifications.
 */
const startFunctions: Record<string, (kind: string) => Promise<string>> = {
  'hand-written': startHandWritten,
  'without-isolation': startCairn,
  cairn: startCairn,
};

async function startCairn(kind: string): Promise<string> {
  const app = await createApp(loadConfig());
  if (kind === 'without-isolation') removeIsolation(app.get(Database));
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

/** Replaces the method that sends a transaction by one that sends only the statements. */
function removeIsolation(database: Database): void {
  const internals = database as unknown as {
    pool: ConnectionPool;
    send: (access: string, enter: unknown, statements: Statements) => Promise<Record<string, unknown[]>>;
  };
  internals.send = async (_access, _enter, statements) => {
    const sent = Object.entries(statements).flatMap(([name, statement]) =>
      statement ? [{ name, statement }] : [],
    );
    const results = resultsOf(await internals.pool.sendOnce(sent.map(({ statement }) => statement)));
    const rows = Object.fromEntries(Object.keys(statements).map((name) => [name, [] as unknown[]]));
    for (const [index, { name }] of sent.entries()) rows[name] = results[index]!.rows;
    return rows;
  };
}

function startHandWritten(): Promise<string> {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
  const columns = `id, title, description, notes, status, status = 'completed' AS completed, priority, category, due_date,
    estimated_hours, actual_hours, goal_id, parent_task_id, project_name, repository_path, completed_at, deleted_at,
    created_at, updated_at, version`;
  const listSql = `SELECT ${columns} FROM tasks WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 21`;
  const getSql = `SELECT ${columns} FROM tasks WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL`;
  const insertSql = `INSERT INTO tasks (user_id, id, title, priority) VALUES ($1, $2, $3, $4) RETURNING ${columns}`;
  const respond = async (request: IncomingMessage): Promise<unknown> => {
    const user = request.headers['x-user'];
    const [path] = (request.url ?? '').split('?');
    if (request.method === 'POST') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { title, priority } = JSON.parse(Buffer.concat(chunks).toString()) as {
        title: string;
        priority: number;
      };
      return (
        await pool.query<object>({
          name: 'insert',
          text: insertSql,
          values: [user, uuidv7(), title, priority],
        })
      ).rows[0];
    }
    const id = /\/tasks\/(.+)/.exec(path!)?.[1];
    if (id) return (await pool.query<object>({ name: 'get', text: getSql, values: [user, id] })).rows[0];
    const { rows } = await pool.query<object>({ name: 'list', text: listSql, values: [user] });
    return { items: rows.slice(0, 20), next_cursor: rows.length > 20 ? 'x' : null };
  };
  const server = createServer((request, response) => {
    void respond(request).then((body) => {
      const text = JSON.stringify(body);
      response.writeHead(request.method === 'POST' ? 201 : 200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      });
      response.end(text);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as { port: number }).port}`),
    );
  });
}

const [kind = ''] = process.argv.slice(2);
void startFunctions[kind]!(kind).then((url) => process.stdout.write(`${url}\n`));
