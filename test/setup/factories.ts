import type { Api } from './api';
import type { TestApp } from './app';

export const password = 'a cairn of many stones';

export interface TestUser {
  id: string;
  email: string;
  api: Api;
  access_token: string;
  refresh_token: string;
}

export type Json = Record<string, unknown> & { id: string };

let count = 0;

/** Registers a user and signs in. */
export async function newUser(
  app: TestApp,
  fields: { email?: string } & Record<string, unknown> = {},
): Promise<TestUser> {
  const email = fields.email ?? `user${++count}@example.com`;
  await app.api.post('/auth/register', { password, ...fields, email }).expect(201);
  return signIn(app, email);
}

/** Creates another session of the same user. */
export async function signIn(app: TestApp, email: string): Promise<TestUser> {
  const { body } = await app.api.post('/auth/login', { email, password }).expect(200);
  const { access_token, refresh_token, user } = body as {
    access_token: string;
    refresh_token: string;
    user: Json;
  };
  return { id: user.id, email, access_token, refresh_token, api: app.api.withToken(access_token) };
}

/** The same user, who sends values in forms that the document does not describe. See `Api.lenient`. */
export function lenient(user: TestUser): TestUser {
  return { ...user, api: user.api.lenient() };
}

export async function newTask(user: TestUser, fields: object = {}): Promise<Json> {
  const { body } = await user.api.post('/tasks', { title: 'A task', ...fields }).expect(201);
  return body as Json;
}

export async function newGoal(user: TestUser, fields: object = {}): Promise<Json> {
  const { body } = await user.api.post('/goals', { title: 'A goal', ...fields }).expect(201);
  return body as Json;
}

/** Creates a personal access token. @returns the token with its secret */
export async function newPersonalToken(
  user: TestUser,
  fields: object = {},
): Promise<Json & { token: string }> {
  const body = { name: 'A program', scopes: ['read', 'write'], ...fields };
  const response = await user.api.post('/auth/tokens', body).expect(201);
  return response.body as Json & { token: string };
}

/** As if rows had been imported. No route creates such rows alone. */
export async function addImportedRows(app: TestApp, { id }: TestUser): Promise<void> {
  await app.database.query(
    `INSERT INTO imported_rows (user_id, entity, source_key, row_id, source_hash, row_hash)
     VALUES ($1, 'task', '1', gen_random_uuid(), '', '')`,
    [id],
  );
  await app.database.query(
    `WITH done AS (
       INSERT INTO imports (user_id, id, status) VALUES ($1, gen_random_uuid(), 'completed') RETURNING user_id, id
     )
     INSERT INTO import_parts (user_id, import_id, number, data) SELECT user_id, id, 0, '' FROM done`,
    [id],
  );
}

/** The ids of the items of a list, in its order. */
export async function ids(user: TestUser, path: string): Promise<string[]> {
  const { body } = await user.api.get(path).expect(200);
  return (body as { items: Json[] }).items.map(({ id }) => id);
}
