import { createServer, IncomingMessage } from 'node:http';
import { Pool, QueryArrayConfig } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { createApp } from '../src/app';
import { loadConfig } from '../src/core/config';
import { Database } from '../src/database/database';
import type { Statement } from '../src/database/statement';

/**
 * Starts one of the compared servers and prints its URL.
 * `minimal`: node:http and pg with named statements; no accounts, validation or isolation.
 * `unisolated`: Cairn as a superuser, without transactions, `enter` and policies.
 * `cairn`: Cairn unchanged.
 */
const starts: Record<string, (kind: string) => Promise<string>> = {
  minimal: startMinimal,
  unisolated: startCairn,
  cairn: startCairn,
};

async function startCairn(kind: string): Promise<string> {
  const app = await createApp(loadConfig());
  if (kind === 'unisolated') disableIsolation(app.get(Database));
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

function disableIsolation(database: Database): void {
  const internals = database as unknown as {
    pool: Pool;
    fly: (begin: string, statements: Statement[]) => Promise<unknown[][][]>;
  };
  internals.fly = async (_begin, statements) => {
    const results = statements.map(async (statement) => {
      const query: QueryArrayConfig = { ...statement, rowMode: 'array' };
      return (await internals.pool.query<unknown[]>(query)).rows;
    });
    return Promise.all(results);
  };
}

function startMinimal(): Promise<string> {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
  const columns = `id, title, description, notes, status, status = 'completed' AS completed, priority, category, due_date,
    estimated_hours, actual_hours, goal_id, parent_task_id, project_name, repository_path, completed_at, deleted_at,
    created_at, updated_at, version`;
  const list = `SELECT ${columns} FROM tasks WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 21`;
  const one = `SELECT ${columns} FROM tasks WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL`;
  const insert = `INSERT INTO tasks (user_id, id, title, priority) VALUES ($1, $2, $3, $4) RETURNING ${columns}`;
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
        await pool.query<object>({ name: 'insert', text: insert, values: [user, uuidv7(), title, priority] })
      ).rows[0];
    }
    const id = /\/tasks\/(.+)/.exec(path!)?.[1];
    if (id) return (await pool.query<object>({ name: 'one', text: one, values: [user, id] })).rows[0];
    const { rows } = await pool.query<object>({ name: 'list', text: list, values: [user] });
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
void starts[kind]!(kind).then((url) => process.stdout.write(`${url}\n`));
