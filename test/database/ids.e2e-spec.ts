import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { version } from 'uuid';
import { newDatabase } from '../setup/app';
import { asRole, onDatabase } from '../setup/server';

let url: string;
beforeAll(async () => (url = await newDatabase()));

/** Milliseconds since 1970 in an id. */
const timeOf = (id: string) => parseInt(id.replaceAll('-', '').slice(0, 12), 16);

async function column<T>(client: Client, text: string, values: unknown[] = []): Promise<T[]> {
  const { rows } = await client.query<{ value: T }>(text, values);
  return rows.map(({ value }) => value);
}

describe('new_id()', () => {
  it('is a UUID of version 7 with random bits', async () => {
    const ids = await onDatabase(url, (client) =>
      column<string>(client, 'SELECT new_id() AS value FROM generate_series(1, 10000)'),
    );
    expect(new Set(ids.map((id) => version(id)))).toEqual(new Set([7]));
    expect(new Set(ids.map((id) => id[19]))).toEqual(new Set(['8', '9', 'a', 'b']));
    expect(new Set(ids.map((id) => id.slice(15))).size).toBe(10_000);
  });

  it('begins with the time in milliseconds, so that ids sort by it', async () => {
    await onDatabase(url, async (client) => {
      const now = async () =>
        (
          await column<string>(
            client,
            `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS value`,
          )
        )[0]!;
      for (let n = 0; n < 100; n++) {
        const before = await now();
        const [id = ''] = await column<string>(client, 'SELECT new_id() AS value');
        const after = await now();
        expect(timeOf(id)).toBeGreaterThanOrEqual(Number(before));
        expect(timeOf(id)).toBeLessThanOrEqual(Number(after));
      }
    });
  });
});

describe('a row that is inserted by hand', () => {
  /** The columns that have no default, but `id` and `user_id`. */
  const required: Record<string, string> = {
    administrative_acts: `(subject_id, act) VALUES (gen_random_uuid(), 'promote')`,
    goals: `(user_id, title) VALUES ($1, 'By hand')`,
    imports: `(user_id) VALUES ($1)`,
    mails: `(kind, email) VALUES ('password_changed', 'hand@example.com')`,
    personal_tokens: `(user_id, name, scopes, token_hash, expires_at)
      VALUES ($1, 'By hand', '{read}', sha256('token'), now() + interval '1 day')`,
    sessions: `(user_id, expires_at) VALUES ($1, now() + interval '1 day')`,
    tags: `(user_id, name) VALUES ($1, 'by hand')`,
    tasks: `(user_id, title) VALUES ($1, 'By hand')`,
    time_entries: `(user_id, task_id, started_at, ended_at) SELECT user_id, id, now(), now() FROM tasks WHERE user_id = $1 LIMIT 1`,
    users: `(email, password_hash) VALUES ('hand@example.com', '$argon2id$')`,
  };
  let user: string;
  beforeAll(async () => {
    user = randomUUID();
    await onDatabase(url, async (client) => {
      await client.query(
        `INSERT INTO users (id, email, password_hash) VALUES ($1, 'owner@example.com', '$argon2id$')`,
        [user],
      );
      await client.query(`INSERT INTO tasks (user_id, title) VALUES ($1, 'First')`, [user]);
    });
  });

  it('gets an id in every table with ids of type uuid', async () => {
    const tables = await onDatabase(url, (client) =>
      column<string>(
        client,
        `SELECT table_name::text AS value FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'id' AND data_type = 'uuid' ORDER BY 1`,
      ),
    );
    expect(tables).toEqual(Object.keys(required));
  });

  it.each(Object.entries(required))('gets an id in %s', async (table, sql) => {
    await onDatabase(url, async (client) => {
      const values = /\$1\b/.test(sql) ? [user] : [];
      const [id = ''] = await column<string>(
        client,
        `INSERT INTO ${table} ${sql} RETURNING id AS value`,
        values,
      );
      expect(version(id)).toBe(7);
    });
  });

  it('gets an id when the schema owner acts as its owner', async () => {
    await onDatabase(asRole(url, 'cairn_owner'), async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT act_as($1)', [user]);
      const insert = `INSERT INTO tasks ${required.tasks} RETURNING id AS value`;
      const [id = ''] = await column<string>(client, insert, [user]);
      await client.query('COMMIT');
      expect(version(id)).toBe(7);
    });
    const history = await onDatabase(url, (client) =>
      column<string>(client, 'SELECT DISTINCT operation AS value FROM changes WHERE user_id = $1', [user]),
    );
    expect(history).toEqual(['create']);
  });
});
