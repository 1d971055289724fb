import { v7 as uuidv7 } from 'uuid';
import { Passwords } from '../auth/passwords';
import type { Config } from '../core/config';
import type { Database } from '../database/database';
import { insertRows } from '../database/insert-rows';
import { sql } from '../database/statement';
import { PlacedRow, readAccountFile, refuse } from './account-file';

/** Accounts that one statement creates. */
const batchSize = 1000;

/**
 * Creates the accounts of a file in one transaction. Accounts whose email address exists are left as they are. Users
 * without a password get a mail to set one.
 * @returns a message for the operator
 * @throws ConfigError that lists every row that cannot be imported
 */
export async function importAccounts(
  database: Database,
  config: Config,
  path: string,
  isDryRun: boolean,
): Promise<string> {
  const rows = await readAccountFile(path);
  const unusableHash = await new Passwords(config).unusableHash();
  const { added, taken } = await database.authenticatorTransaction(async () => {
    const existing = await existingNames(database, 'email', rows);
    const added = rows.filter(({ row }) => !existing.has(row.email.toLowerCase()));
    const taken = await existingNames(database, 'username', added);
    const isWriting = !isDryRun && taken.size === 0;
    for (let start = 0; start < added.length && isWriting; start += batchSize) {
      await insertAccounts(database, added.slice(start, start + batchSize), unusableHash);
    }
    return { added, taken };
  });
  const refused = added.filter(({ row }) => row.username && taken.has(row.username.toLowerCase()));
  refuse(
    path,
    refused.map(({ place, row }) => `${place}, username: another account has the username ${row.username}`),
  );
  return messageOf(added, rows.length, isDryRun);
}

async function existingNames(
  database: Database,
  column: 'email' | 'username',
  rows: PlacedRow[],
): Promise<Set<string>> {
  const text = `SELECT lower(${column}) AS name FROM users
    WHERE lower(${column}) IN (SELECT jsonb_array_elements_text(:names::jsonb))`;
  const found = new Set<string>();
  for (let start = 0; start < rows.length; start += batchSize) {
    const batch = rows.slice(start, start + batchSize);
    const names = JSON.stringify(batch.map(({ row }) => row[column]?.toLowerCase() ?? null));
    const { users } = await database.asAuthenticator({ users: sql<{ name: string }>(text, { names }) });
    for (const { name } of users) found.add(name);
  }
  return found;
}

async function insertAccounts(database: Database, batch: PlacedRow[], unusableHash: string): Promise<void> {
  const now = new Date().toISOString();
  const rows = batch.map(({ row }) => {
    const createdAt = row.created_at ?? now;
    return {
      id: uuidv7({ msecs: Date.parse(createdAt) }),
      email: row.email,
      username: row.username ?? null,
      full_name: row.full_name ?? null,
      timezone: row.timezone ?? 'UTC',
      // PHP writes 2y for what others call 2b.
      password_hash: row.password_hash?.replace(/^\$2y/, '$2b') ?? unusableHash,
      created_at: createdAt,
    };
  });
  const states = batch.map(({ row: { is_active = true, is_verified = false } }, index) => ({
    id: rows[index]!.id,
    is_active,
    is_verified,
    email_verified_at: is_verified ? now : null,
  }));
  const mails = batch
    .filter(({ row }) => !row.password_hash && row.is_active !== false)
    .map(({ row }) => ({ id: uuidv7(), kind: 'reset_password', email: row.email }));
  await database.asAuthenticator({
    users: insertRows('users', rows),
    states: sql(setStatesSql, { states: JSON.stringify(states) }),
    mails: insertRows('mails', mails),
  });
}

/** The role may not insert these columns. */
const setStatesSql = `
  UPDATE users SET is_active = s.is_active, is_verified = s.is_verified, email_verified_at = s.email_verified_at
  FROM json_populate_recordset(NULL::users, :states) s WHERE users.id = s.id AND (s.is_verified OR NOT s.is_active)`;

function messageOf(created: PlacedRow[], total: number, isDryRun: boolean): string {
  const count = (prefix: string) => created.filter(({ row }) => row.password_hash?.startsWith(prefix)).length;
  const [bcrypt, argon2id] = [count('$2'), count('$argon2id$')];
  const withoutPassword = created.length - bcrypt - argon2id;
  return [
    `${isDryRun ? 'Would create' : 'Created'} ${created.length} of ${total} accounts: ${bcrypt} with a bcrypt hash, ${argon2id} with an argon2id hash, ${withoutPassword} without a password.`,
    `${total - created.length} exist already and are left as they are.`,
    ...(withoutPassword
      ? ['Active users without a password get a mail to set one, from an instance with SMTP_URL.']
      : []),
  ].join('\n');
}
