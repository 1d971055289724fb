import type { TestApp } from './app';
import { methods } from './contract';
import type { TestUser } from './factories';

/*
 * What tests know about owned resources comes from the catalogue of the database and from the routes of the OpenAPI
 * document, so that they cover a new resource without a change.
 */

interface Route {
  method: (typeof methods)[number];
  path: string;
  isPublic: boolean;
  /** The first request example of the document. */
  example: object | undefined;
  /** The example; where a required body has none, an invalid one. */
  body: object | undefined;
}

/** The collections whose table has another name. `dependencies` names the tasks that a task depends on. */
const tableOfCollection: Record<string, string> = { tokens: 'personal_tokens', dependencies: 'tasks' };

/** A path segment that names a collection, followed by the parameter for the id of one of its rows. */
const rowParameter = /([\w-]+)\/\{\w+\}/g;

export function routesOf(app: TestApp): Route[] {
  return Object.entries(app.contract.document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const { requestBody } = operation;
      const content = requestBody && 'content' in requestBody ? requestBody.content : undefined;
      const first = Object.values(content?.['application/json']?.examples ?? {})[0];
      const example = first && 'value' in first ? (first.value as object) : undefined;
      const isRequired = requestBody && 'content' in requestBody && requestBody.required !== false;
      const body = isRequired ? (example ?? { password: 'x' }) : undefined;
      return [{ method, path, isPublic: operation.security?.length === 0, example, body }];
    }),
  );
}

function tableOf(collection: string): string {
  return tableOfCollection[collection] ?? collection.replaceAll('-', '_');
}

/** The collections whose rows are named by routes, such as `tasks` by /tasks/{id}. */
function collectionsOf(app: TestApp): string[] {
  const paths = routesOf(app).map(({ path }) => path.replace('{user_id}', ''));
  return [...new Set(paths.flatMap((path) => [...path.matchAll(rowParameter)].map(([, name]) => name!)))];
}

/**
 * Replaces the parameters of a path.
 * @param idOf the id of a row in the collection before the parameter
 * @returns the path for `Api.call`
 */
export function fillPath(path: string, userId: string, idOf: (collection: string) => string): string {
  const withUser = path.replace('{user_id}', userId);
  return `/${withUser.replace(rowParameter, (_match, name: string) => `${name}/${idOf(name)}`)}`;
}

/** The tables with a column `user_id`. */
export async function ownedTables(app: TestApp): Promise<string[]> {
  const { rows } = await app.database.query<{ name: string }>(
    `SELECT table_name::text AS name FROM information_schema.columns JOIN information_schema.tables
       USING (table_schema, table_name)
     WHERE table_schema = 'public' AND column_name = 'user_id' AND table_type = 'BASE TABLE' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** How many rows of the table the user has. */
export async function countRows(app: TestApp, table: string, userId: string): Promise<number> {
  const { rows } = await app.database.query<{ count: number }>(
    `SELECT count(*)::int FROM ${table} WHERE ${table === 'users' ? 'id' : 'user_id'} = $1`,
    [userId],
  );
  return rows[0]!.count;
}

/** All rows of a user, by table. */
export async function snapshotOf(app: TestApp, { id }: TestUser): Promise<Record<string, object[]>> {
  const snapshot: Record<string, object[]> = {};
  for (const table of ['users', ...(await ownedTables(app))]) {
    const owner = table === 'users' ? 'id' : 'user_id';
    const { rows } = await app.database.query<{ row: object }>(
      `SELECT to_jsonb(t) AS row FROM ${table} t WHERE ${owner} = $1 ORDER BY to_jsonb(t)::text`,
      [id],
    );
    snapshot[table] = rows.map(({ row }) => row);
  }
  return snapshot;
}

/**
 * The id of one row of the user in each collection that routes name.
 * @param optional collections in which the user may have no row
 * @throws Error for any other collection without a row
 */
export async function rowIdsOf(
  app: TestApp,
  user: TestUser,
  optional: string[] = [],
): Promise<Record<string, string>> {
  const ids = await idsOfExistingRows(app, user);
  const missing = collectionsOf(app).filter((one) => !ids[one] && !optional.includes(one));
  if (missing.length) throw new Error(missing.map((one) => whyThereIsNoRow(app, tableOf(one))).join('\n'));
  return ids;
}

/** Creates a row in each owned table where the user has none and a route creates rows: by the route's example. */
export async function createMissingRows(app: TestApp, user: TestUser): Promise<void> {
  for (const table of await ownedTables(app)) {
    const route = creatingRoute(app, table);
    if (!route?.example || (await countRows(app, table, user.id)) > 0) continue;
    const parents = await idsOfExistingRows(app, user);
    const url = fillPath(route.path, user.id, (collection) => parents[collection] ?? 'missing');
    const { status, text } = await user.api.call('post', url, route.example);
    if (status >= 300 || (await countRows(app, table, user.id)) === 0)
      throw new Error(`${whyThereIsNoRow(app, table)}: it returned ${status} ${text}`);
  }
}

/** The message of a test that needs a row of the table. */
export function whyThereIsNoRow(app: TestApp, table: string): string {
  const route = creatingRoute(app, table);
  if (!route) return `${table}: no POST route creates a row, and the fixture of the test has none`;
  const call = `POST ${route.path.replace('/api/v1', '')}`;
  return route.example
    ? `${table}: the request example of ${call} creates no row`
    : `${table}: ${call} has no request example that creates a row`;
}

/** The route that creates rows of a table: POST to its collection. */
function creatingRoute(app: TestApp, table: string): Route | undefined {
  return routesOf(app).find(
    ({ method, path }) =>
      method === 'post' && !path.includes('{user_id}') && tableOf(path.split('/').at(-1)!) === table,
  );
}

async function idsOfExistingRows(app: TestApp, { id }: TestUser): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const collection of collectionsOf(app)) {
    const text = `SELECT id FROM ${tableOf(collection)} WHERE user_id = $1 ORDER BY id LIMIT 1`;
    const { rows } = await app.database.query<{ id: string }>(text, [id]);
    if (rows[0]) ids[collection] = rows[0].id;
  }
  return ids;
}
