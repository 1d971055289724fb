import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newDatabase } from '../setup/app';
import { copyProject } from '../setup/project-copy';
import { runCli, runCommand } from '../setup/cli';
import { run } from '../setup/processes';
import { asRole, onDatabase } from '../setup/server';

/** `npm run migration:generate -- …`: its exit code and output. @param folder another copy of the project */
async function generate(url: string, argument: string, folder?: string): Promise<[unknown, string]> {
  const args = ['migration:generate', argument];
  const environment = { DATABASE_URL: asRole(url, 'cairn_owner') };
  return folder === undefined ? runCommand(args, environment) : runCli(args, environment, folder);
}

const check = (url: string, folder?: string) => generate(url, '--check', folder);

async function changedDatabase(statements: string): Promise<string> {
  const url = await newDatabase();
  await onDatabase(asRole(url, 'cairn_owner'), (client) => client.query(statements));
  return url;
}

const reported = (lines: string) => [
  1,
  `The database differs from the entities and the .sql files:\n${lines}\n`,
];

describe('migration:generate -- --check', () => {
  it('finds no differences in the migrated database', async () => {
    const command = run('npm', ['run', '-s', 'migration:generate', '--', '--check'], {
      DATABASE_URL: asRole(await newDatabase(), 'cairn_owner'),
      JWT_SECRET_KEY: 'x'.repeat(32),
    });
    expect([await command.ended, command.output()]).toEqual([0, expect.stringMatching(/^No differences$/m)]);
  });

  it.each([
    ['DROP POLICY owner ON tags', '  missing in the database: policy owner on tags'],
    ['DROP TRIGGER tasks_3_version ON tasks', '  missing in the database: trigger tasks_3_version on tasks'],
    [
      'ALTER TABLE tasks DISABLE TRIGGER tasks_3_version',
      expect.stringContaining('  different: trigger tasks_3_version on tasks'),
    ],
    ['CREATE INDEX extra ON tasks (title)', '  only in the database: index extra on tasks'],
    ['DROP INDEX users_email_key', '  missing in the database: index users_email_key on users'],
    [
      'GRANT UPDATE (email) ON users TO cairn_app; REVOKE DELETE ON tags FROM cairn_app',
      '  missing in the database: grant DELETE on tags to cairn_app\n' +
        '  only in the database: grant UPDATE (email) on users to cairn_app',
    ],
    [
      'GRANT EXECUTE ON FUNCTION progress_of(uuid, uuid) TO PUBLIC',
      '  only in the database: grant EXECUTE on FUNCTION progress_of(uuid,uuid) to PUBLIC',
    ],
    [
      'GRANT CREATE ON SCHEMA public TO cairn_app',
      '  only in the database: grant CREATE on SCHEMA public to cairn_app',
    ],
    [
      'ALTER TABLE tags NO FORCE ROW LEVEL SECURITY',
      expect.stringContaining('  different: row-level security of tags'),
    ],
    ['ALTER TABLE tags ADD COLUMN extra text', '  only in the database: column tags.extra'],
    [
      `ALTER TABLE goals ALTER COLUMN status SET DEFAULT 'on_hold'`,
      expect.stringContaining('  different: column goals.status'),
    ],
    [
      'ALTER TABLE tags DROP CONSTRAINT tags_color_check',
      '  missing in the database: constraint tags_color_check on tags',
    ],
    [
      `ALTER TABLE tasks DROP CONSTRAINT tasks_goal_id_fkey, ADD CONSTRAINT tasks_goal_id_fkey
         FOREIGN KEY (user_id, goal_id) REFERENCES goals (user_id, id) ON DELETE CASCADE`,
      expect.stringContaining('  different: constraint tasks_goal_id_fkey on tasks'),
    ],
    [
      `CREATE FUNCTION extra() RETURNS void LANGUAGE sql AS 'SELECT'; REVOKE ALL ON FUNCTION extra() FROM PUBLIC`,
      '  only in the database: function extra()',
    ],
    [
      'CREATE TABLE extra ()',
      '  only in the database: table extra\n  only in the database: grant SELECT on extra to cairn_backup',
    ],
    [
      'ALTER FUNCTION check_user() RESET search_path',
      '  different: function check_user()\n' +
        '    database:  AS $function$\n' +
        `    sources:   SET search_path TO 'public', 'pg_temp'`,
    ],
    [
      'ALTER FUNCTION check_user() SET search_path = pg_temp, public',
      '  different: function check_user()\n' +
        `    database:  SET search_path TO 'pg_temp', 'public'\n` +
        `    sources:   SET search_path TO 'public', 'pg_temp'`,
    ],
  ])('reports %s', async (statements, lines) => {
    const [exitCode, output] = await check(await changedDatabase(statements));
    const [, heading] = reported('') as [number, string];
    expect(exitCode).toBe(1);
    expect(output).toContain(heading.trimEnd());
    expect(output.slice(heading.length - 1).trimEnd()).toEqual(lines);
  });

  it('refuses a database that lacks migrations', async () => {
    const url = await newDatabase();
    await onDatabase(url, (client) => client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));
    await onDatabase(url, (client) => client.query('GRANT ALL ON SCHEMA public TO cairn_owner'));
    expect(await check(url)).toEqual([1, expect.stringContaining('Apply them first: npm run migration:run')]);
  });
});

describe('with a changed line of a .sql file', () => {
  let folder: string;
  let url: string;
  let existing: string[];
  beforeAll(async () => {
    folder = copyProject();
    existing = migrations();
    url = await newDatabase();
    replace('src/goals/progress.sql', 'THEN 99.99 ELSE', 'THEN 99.9 ELSE');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function replace(path: string, from: string, to: string): void {
    const text = readFileSync(join(folder, path), 'utf8');
    expect(text).toContain(from);
    writeFileSync(join(folder, path), text.replace(from, to));
  }

  const migrations = () => readdirSync(join(folder, 'src/schema/migrations'));
  const generated = () => migrations().filter((name) => !existing.includes(name));

  it('the check fails and names the function', async () => {
    const line = (number: string) =>
      `SELECT CASE WHEN avg(half) > 99.99 AND avg(half) < 100 THEN ${number} ELSE round(avg(half), 2) END FROM (`;
    expect(await check(url, folder)).toEqual(
      reported(
        `  different: function progress_of(uuid,uuid)\n    database:  ${line('99.99')}\n    sources:   ${line('99.9')}`,
      ),
    );
    expect(generated()).toEqual([]);
  });

  it('the migration has the new function in up and the old one in down, and no more', async () => {
    expect(await generate(url, 'RoundProgress', folder)).toEqual([0, expect.stringContaining('Written: ')]);
    const [name = ''] = generated();
    expect(name).toMatch(/^\d{13}-round-progress\.ts$/);
    const path = join(folder, 'src/schema/migrations', name);
    const text = readFileSync(path, 'utf8');
    const [, up = '', down = ''] = /const up = `(.+)`;\n\nconst down = `(.+)`;\n$/s.exec(text)!;
    for (const [sql, number] of [
      [up, '99.9'],
      [down, '99.99'],
    ] as const) {
      expect(sql).toMatch(/^\nCREATE OR REPLACE FUNCTION progress_of\(user_id uuid, goal_id uuid\)\n/);
      expect(sql).toContain(`THEN ${number} ELSE`);
      expect(sql.match(/^(CREATE|DROP|ALTER|GRANT|REVOKE)\b/gm)).toHaveLength(1);
    }
    const prettier = run('npx', ['prettier', '--check', path], {}, folder);
    expect([await prettier.ended, prettier.output()]).toEqual([0, prettier.output()]);
  });

  it('the migrated database has no differences, and neither has the reverted one from the old files', async () => {
    const migrate = async (...command: string[]) => {
      const [status, output] = await runCli(command, { DATABASE_URL: asRole(url, 'cairn_owner') }, folder);
      expect([status, output]).toEqual([0, output]);
    };
    expect(await check(url, folder)).toEqual([1, expect.stringContaining('npm run migration:run')]);
    await migrate('migration:run');
    expect(await check(url, folder)).toEqual([0, 'No differences\n']);
    await migrate('migration:revert', '--yes');
    expect(await check(url)).toEqual([0, 'No differences\n']);
  });
});

describe('with a new table, a dropped column and a changed signature', () => {
  let folder: string;
  beforeAll(() => {
    folder = copyProject();
    const edit = (path: string, change: (text: string) => string) =>
      writeFileSync(join(folder, path), change(readFileSync(join(folder, path), 'utf8')));
    edit('src/schema/entities.ts', (text) =>
      text
        .replace(/^/, `import { Stone } from '../tags/stone.entity';\n`)
        .replace('  RateLimit,', '  RateLimit,\n  Stone,'),
    );
    writeFileSync(join(folder, 'src/tags/stone.entity.ts'), stoneEntity);
    writeFileSync(join(folder, 'src/tags/stones.sql'), stonesSql);
    edit('src/tags/tag.entity.ts', (text) =>
      text.replace(/@Check\('tags_color_check'.+\n/, '').replace(/\n {2}@Column[^\n]+\n {2}color: .+\n/, ''),
    );
    edit('src/tags/tags.sql', (text) => text.replace('UPDATE (name, color)', 'UPDATE (name)'));
    edit('src/goals/goals.sql', (text) =>
      text
        .replace('goal_is_open(status text) RETURNS boolean', 'goal_is_open(status text) RETURNS integer')
        .replace(`RETURN status IN ('active', 'on_hold')`, 'RETURN 1'),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const stoneEntity = `
    import { Column, Entity, ForeignKey, Index } from 'typeorm';
    import { OwnedEntity } from '../database/owned.entity';
    import { Tag } from './tag.entity';
    @Entity('stones')
    @ForeignKey(() => Tag, ['user_id', 'tag_id'], ['user_id', 'id'], { onDelete: 'SET NULL' })
    @Index('stones_newest', ['user_id', 'created_at', 'id'])
    export class Stone extends OwnedEntity {
      @Column('uuid', { nullable: true })
      tag_id: string | null;
      @Column('text', { default: 'a \`\${stone}\\\\' })
      name: string;
    }`;

  const stonesSql = `
    ALTER TABLE stones DROP CONSTRAINT IF EXISTS stones_tag_id_fkey, ADD CONSTRAINT stones_tag_id_fkey
      FOREIGN KEY (user_id, tag_id) REFERENCES tags (user_id, id) ON DELETE SET NULL (tag_id);
    CREATE FUNCTION stone_weight(name text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT length(name)';
    REVOKE ALL ON FUNCTION stone_weight(text) FROM PUBLIC;
    CREATE INDEX stones_by_weight ON stones (user_id, stone_weight(name));
    CREATE TRIGGER stones_3_version BEFORE UPDATE ON stones FOR EACH ROW EXECUTE FUNCTION increment_version();
    ALTER TABLE stones ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY owner ON stones TO cairn_app USING (user_id = (SELECT current_user_id())) WITH CHECK (false);
    GRANT SELECT, INSERT, UPDATE (name, tag_id) ON stones TO cairn_app;`;

  it('the migration leads to the sources and back', async () => {
    const url = await newDatabase();
    expect(await generate(url, 'Stones', folder)).toEqual([0, expect.stringContaining('Written: ')]);
    const [name = ''] = readdirSync(join(folder, 'src/schema/migrations')).filter((file) =>
      file.includes('stones'),
    );
    const text = readFileSync(join(folder, 'src/schema/migrations', name), 'utf8');
    expect(text).toContain('\n  "name" text NOT NULL DEFAULT ');
    expect(text).toContain('REVOKE EXECUTE ON FUNCTION stone_weight(text) FROM PUBLIC;');
    const migrate = async (...command: string[]) => {
      const [status, output] = await runCli(command, { DATABASE_URL: asRole(url, 'cairn_owner') }, folder);
      expect([status, output]).toEqual([0, output]);
    };
    await migrate('migration:run');
    expect(await check(url, folder)).toEqual([0, 'No differences\n']);
    await migrate('migration:revert', '--yes');
    expect(await check(url)).toEqual([0, 'No differences\n']);
  });
});
