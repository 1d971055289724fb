/*
 * The limit: what a server written by hand for only these requests can reach, with node:http, pg and named statements. It
 * verifies the signature and the expiry of the access token, and responds to lists, GET and POST of tasks with the same
 * JSON as Cairn. It has no validation, no sessions, no isolation, no history, no rate limits and no error handling.
 * Plain JavaScript, so that nothing else runs in its process.
 */
import { Buffer } from 'node:buffer';
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

const { DATABASE_URL, JWT_SECRET_KEY, PORT } = process.env;

pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number);
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });

const columns = `tasks.id, title, description, notes, status, status = 'completed' AS completed, priority, category, due_date,
  estimated_hours, actual_hours, goal_id, parent_task_id, tags, project_name, repository_path,
  coalesce((
    SELECT true FROM task_dependencies d JOIN tasks o ON o.user_id = d.user_id AND o.id = d.depends_on_id
    WHERE d.user_id = tasks.user_id AND d.task_id = tasks.id
      AND o.status NOT IN ('completed', 'cancelled') AND o.deleted_at IS NULL LIMIT 1
  ), false) AS is_blocked,
  completed_at, deleted_at, created_at, updated_at, version`;
const listSql = `SELECT ${columns} FROM tasks WHERE user_id = $1 AND deleted_at IS NULL
  ORDER BY created_at DESC, tasks.id DESC LIMIT `;
const getSql = `SELECT ${columns} FROM tasks WHERE user_id = $1 AND tasks.id = $2 AND deleted_at IS NULL`;
const insertSql = `INSERT INTO tasks (user_id, id, title, priority) VALUES ($1, $2, $3, $4) RETURNING ${columns}`;

const key = createSecretKey(Buffer.from(JWT_SECRET_KEY));

/** @returns the user of a valid access token, otherwise undefined */
function userOf({ authorization = '' }) {
  const token = authorization.slice('Bearer '.length);
  const end = token.lastIndexOf('.');
  const expected = createHmac('sha256', key).update(token.slice(0, end)).digest();
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return undefined;
  const claims = JSON.parse(Buffer.from(token.slice(token.indexOf('.') + 1, end), 'base64url').toString());
  return claims.exp > Date.now() / 1000 ? claims.sub : undefined;
}

async function list(user, limit) {
  // A statement for each limit. With the limit as a parameter, PostgreSQL would plan it again each time.
  const statement = { name: `list ${limit}`, text: listSql + (limit + 1), values: [user] };
  const { rows } = await pool.query(statement);
  if (rows.length <= limit) return { items: rows, next_cursor: null };
  rows.pop();
  const { created_at: time, id } = rows.at(-1);
  return {
    items: rows,
    next_cursor: Buffer.from(JSON.stringify(['newest', time, id])).toString('base64url'),
  };
}

async function get(user, id) {
  const { rows } = await pool.query({ name: 'get', text: getSql, values: [user, id] });
  return rows[0];
}

async function create(user, request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { title, priority } = JSON.parse(Buffer.concat(chunks).toString());
  const values = [user, uuidv7(), title, priority];
  const { rows } = await pool.query({ name: 'create', text: insertSql, values });
  return rows[0];
}

const path = '/api/v1/tasks';

const server = createServer(async (request, response) => {
  const { method, url, headers } = request;
  const user = userOf(headers);
  if (!user) {
    response.writeHead(401).end();
    return;
  }
  let body;
  if (method === 'POST') body = await create(user, request);
  else if (url.startsWith(`${path}/`)) body = await get(user, url.slice(path.length + 1));
  else body = await list(user, Number(url.slice(url.indexOf('limit=') + 'limit='.length)));
  const text = JSON.stringify(body);
  response.writeHead(method === 'POST' ? 201 : 200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
});

server.listen(Number(PORT), '127.0.0.1');
