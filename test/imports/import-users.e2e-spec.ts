import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argon2id, hash as argon2Hash } from 'argon2';
import { hash as bcryptHash } from 'bcrypt';
import { startApp, TestApp } from '../setup/app';
import { runCommand } from '../setup/cli';
import { newUser, password } from '../setup/factories';
import { subjects } from '../setup/mailbox';
import { asRole } from '../setup/server';

let app: TestApp;
let folder: string;
beforeAll(async () => {
  app = await startApp();
  folder = mkdtempSync(join(tmpdir(), 'cairn-users-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await app.close();
});

/** Writes a file and imports it. @returns the exit status and the output, where the path is FILE */
async function importUsers(
  content: string | Buffer,
  ...options: string[]
): Promise<[number | string, string]> {
  const file = join(folder, 'users');
  writeFileSync(file, content);
  const environment = {
    DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
    JWT_SECRET_KEY: 'x'.repeat(32),
  };
  const [status, output] = await runCommand(['import-users', '--file', file, ...options], environment);
  return [status, output.replaceAll(file, 'FILE')];
}

interface UserRow {
  email: string;
  password_hash: string;
}

async function userRows(where = 'true'): Promise<UserRow[]> {
  const text = `SELECT id, email, username, full_name, timezone, is_active, is_verified, is_superuser, created_at, password_hash,
    email_verified_at IS NOT NULL AS has_verified_at FROM users WHERE ${where} ORDER BY email`;
  return (await app.database.query<UserRow>(text)).rows;
}

const login = (name: object, triedPassword: string) =>
  app.api.post('/auth/login', { ...name, password: triedPassword });

describe('a file of accounts', () => {
  const longName = 'a.b-c_'.repeat(17).slice(0, 100);
  let file: string;
  beforeAll(async () => {
    const bcrypt = await bcryptHash('an old password', 4);
    const php = (await bcryptHash('an older password', 4)).replace('$2b$', '$2y$');
    const argon = await argon2Hash('a newer password', { type: argon2id, memoryCost: 1024, timeCost: 2 });
    file = [
      'email,username,full_name,is_active,is_verified,created_at,password_hash,timezone',
      `Bea@Example.com,${longName},"Bea, the first",t,t,2020-02-03 04:05:06.789123+00,${bcrypt},Europe/Berlin`,
      `php@example.com,x,,1,0,2021-01-01T00:00:00Z,${php},`,
      `arg@example.com,,,true,true,,"${argon}",`,
      'none@example.com,,,,,,,',
      'gone@example.com,,,false,true,,,',
    ].join('\r\n');
  });

  it('is only checked by a dry run', async () => {
    const before = await userRows();
    expect(await importUsers(file, '--dry-run')).toEqual([
      0,
      'Would create 5 of 5 accounts: 2 with a bcrypt hash, 1 with an argon2id hash, 2 without a password.\n' +
        '0 exist already and are left as they are.\n' +
        'Active users without a password get a mail to set one, from an instance with SMTP_URL.\n',
    ]);
    expect(await userRows()).toEqual(before);
  });

  it('is imported once, and its users sign in with their passwords', async () => {
    const [status, output] = await importUsers(`\uFEFF${file}`);
    expect([status, output]).toEqual([0, expect.stringMatching(/^Created 5 of 5 accounts: 2 with a bcrypt/)]);
    const rows = await userRows(`email LIKE '___@example.com' OR email LIKE '____@example.com'`);
    expect(rows).toMatchObject([
      { email: 'arg@example.com', username: null, is_verified: true, timezone: 'UTC' },
      {
        email: 'bea@example.com',
        username: longName,
        full_name: 'Bea, the first',
        timezone: 'Europe/Berlin',
        is_active: true,
        is_verified: true,
        is_superuser: false,
        has_verified_at: true,
        created_at: new Date('2020-02-03T04:05:06.789Z'),
      },
      { email: 'gone@example.com', is_active: false },
      { email: 'none@example.com', is_active: true, is_verified: false, has_verified_at: false },
      { email: 'php@example.com', username: 'x', created_at: new Date('2021-01-01T00:00:00Z') },
    ]);
    const [, bea] = rows as (UserRow & { id: string })[];
    expect(parseInt(bea!.id.replaceAll('-', '').slice(0, 12), 16)).toBe(
      Date.parse('2020-02-03T04:05:06.789Z'),
    );

    await login({ email: 'bea@example.com' }, 'an old passwor').expect(401);
    expect((await userRows(`email = 'bea@example.com'`))[0]!.password_hash).toMatch(/^\$2b\$04\$/);
    const session = await login({ username: longName }, 'an old password').expect(200);
    expect((session.body as { user: object }).user).toMatchObject({ username: longName });
    expect((await userRows(`email = 'bea@example.com'`))[0]!.password_hash).toMatch(/^\$argon2id\$/);
    await login({ email: 'bea@example.com' }, 'an old password').expect(200);
    await login({ email: 'bea@example.com' }, 'an older password').expect(401);
    await login({ email: 'php@example.com' }, 'an older password').expect(200);
    await login({ email: 'arg@example.com' }, 'a newer password').expect(200);
    await login({ email: 'gone@example.com' }, 'a newer password').expect(401);

    const before = await userRows();
    expect(await importUsers(file)).toEqual([
      0,
      expect.stringMatching(/^Created 0 of 5 accounts.*\n5 exist already and are left as they are\.\n$/),
    ]);
    expect(await userRows()).toEqual(before);
  });

  it('lets users without a password set one with a mail', async () => {
    await newUser(app); // its mail wakes the mailer
    const token = await app.mailbox.takeToken('none@example.com', subjects.reset);
    await login({ email: 'none@example.com' }, password).expect(401);
    await app.api.post('/auth/password/reset', { token, new_password: password }).expect(204);
    await login({ email: 'none@example.com' }, password).expect(200);
    const { rowCount } = await app.database.query(`SELECT FROM mails WHERE email = 'gone@example.com'`);
    expect(rowCount).toBe(0);
  });

  it('can be JSON', async () => {
    const items = [
      { email: 'json@example.com', full_name: null, is_verified: true },
      { email: 'j@example.com' },
    ];
    expect(await importUsers(JSON.stringify(items))).toEqual([
      0,
      expect.stringMatching(/^Created 2 of 2 accounts: 0 .* 0 .* 2 without a password/),
    ]);
    expect(await userRows(`email LIKE 'j%'`)).toHaveLength(2);
  });
});

describe('nothing is imported from', () => {
  it('a username of another account', async () => {
    await newUser(app, { username: 'taken' });
    const before = await userRows();
    expect(await importUsers('email,username\nnew@example.com,\nother@example.com,Taken')).toEqual([
      1,
      'FILE cannot be imported. Nothing was imported. Correct these rows:\n' +
        '  line 3, username: another account has the username Taken\n',
    ]);
    expect(await userRows()).toEqual(before);
  });

  it('a file in which one row is faulty', async () => {
    const before = await userRows();
    expect(await importUsers('email,is_active\nfirst@example.com,true\nsecond@example.com,maybe')).toEqual([
      1,
      'FILE cannot be imported. Nothing was imported. Correct these rows:\n' +
        '  line 3, is_active: must be true or false\n',
    ]);
    expect(await userRows()).toEqual(before);
  });
});
