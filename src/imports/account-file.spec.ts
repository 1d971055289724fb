import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAccountFile } from './account-file';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'cairn-accounts-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(content: string | Buffer) {
  const file = join(folder, 'accounts');
  writeFileSync(file, content);
  return readAccountFile(file);
}

const message = (content: string | Buffer) =>
  read(content).then(
    () => 'no error',
    (error: Error) => error.message.replaceAll(join(folder, 'accounts'), 'FILE'),
  );

describe('readAccountFile', () => {
  it('reads CSV with quotes, empty cells, and booleans and timestamps of PostgreSQL', async () => {
    const rows = await read(
      '\uFEFFemail,full_name,is_active,created_at\r\nA@Example.com,"B, C",f,2020-02-03 04:05:06.7+00\r\n\r\nd@example.com,,,2020-01-02\r\n',
    );
    expect(rows).toEqual([
      {
        place: 'line 2',
        row: {
          email: 'a@example.com',
          full_name: 'B, C',
          is_active: false,
          created_at: '2020-02-03T04:05:06.700Z',
        },
      },
      { place: 'line 4', row: { email: 'd@example.com', created_at: '2020-01-02' } },
    ]);
  });

  it('refuses a file that does not exist, and one that is too large', async () => {
    await expect(readAccountFile('/nowhere')).rejects.toThrow('/nowhere cannot be read: ENOENT');
    expect(await message(Buffer.alloc(100_000_001, 'x'))).toBe(
      'FILE has 100000001 bytes. Split it into files of at most 100000000 bytes.',
    );
  });

  const refused = (errors: string) =>
    `FILE cannot be imported. Nothing was imported. Correct these rows:\n${errors}`;
  const columns =
    'email, and any of full_name, timezone, username, is_active, is_verified, created_at, password_hash.';
  const hashMessage =
    'must be a bcrypt hash of cost 4 to 14, or an argon2id hash with at most m=262144, t=10 and p=16';
  const hash = (cost: string) => `$2b$${cost}$${'x'.repeat(53)}`;

  it.each<[string, string | Buffer, string]>([
    ['an empty file', '', 'FILE has no accounts.'],
    ['a header alone', 'email\n', 'FILE has no accounts.'],
    [
      'unknown columns',
      'email,password\na@example.com,x',
      `FILE has unknown columns password. The first line must name the columns: ${columns}`,
    ],
    [
      'a file without addresses',
      'username\nx',
      `FILE has no column email. The first line must name the columns: ${columns}`,
    ],
    [
      'text that is not UTF-8',
      Buffer.from('email\na@example.com\n\xe9@example.com', 'latin1'),
      'FILE is not UTF-8: see line 3. Convert it, for example with iconv.',
    ],
    [
      'a row with too many cells',
      'email\na@example.com,b',
      'FILE is not valid CSV: Invalid Record Length: columns length is 1, got 2 on line 2',
    ],
    [
      'an unfinished quotation',
      'email\n"a@example.com',
      'FILE is not valid CSV: Quote Not Closed: the parsing is finished with an opening quote at line 2',
    ],
    ['JSON that ends too early', '[{"email": "a@example.com"}', 'FILE is not valid JSON: '],
    ['JSON without objects', '["a@example.com"]', 'FILE, item 1: expected an object.'],
    [
      'unknown fields',
      '[{"email": "a@example.com", "is_superuser": true}]',
      refused('  item 1, is_superuser: '),
    ],
    [
      'invalid values',
      `email,username,is_active,created_at,timezone\nx,${'u'.repeat(101)},maybe,2020-01-01 10:00:00,Mars`,
      refused(`  line 2, email: must be an email address
  line 2, timezone: must be UTC or an IANA time zone such as Europe/Berlin
  line 2, username: must have at most 100 characters
  line 2, is_active: must be true or false
  line 2, created_at: must be a date`),
    ],
    [
      'hashes that cost too much, or of other kinds',
      `email,password_hash\na@example.com,${hash('15')}\nb@example.com,${hash('03')}\nc@example.com,5f4dcc3b5aa765d61d8327deb882cf99\nd@example.com,"$argon2id$v=19$m=4194304,t=3,p=1$${'a'.repeat(22)}$${'b'.repeat(43)}"`,
      refused(
        ['a', 'b', 'c', 'd']
          .map((_, index) => `  line ${index + 2}, password_hash: ${hashMessage}`)
          .join('\n'),
      ),
    ],
    [
      'addresses and usernames that occur twice',
      'email,username\na@example.com,b\nA@Example.com,c\nc@example.com,B',
      refused('  line 3, email: a@example.com is also in line 2\n  line 4, username: B is also in line 2'),
    ],
  ])('refuses %s', async (_name, content, expected) => {
    expect(await message(content)).toContain(expected);
  });
});
