import { newDatabase } from '../setup/app';
import { run } from '../setup/processes';
import { asRole, onDatabase } from '../setup/server';

jest.setTimeout(240_000); // each command is a process of its own

/** Everything that makes a schema, as PostgreSQL itself writes it down. */
const dump = (url: string) =>
  onDatabase(url, async (client) => {
    const { rows } = await client.query<{ line: string }>(`
      SELECT format('column %s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
          CASE WHEN attnotnull THEN 'not null' END, pg_get_expr(adbin, adrelid)) AS line
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind = 'r' AND relnamespace = 'public'::regnamespace
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
      UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
      UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
      UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT format('security of %s: %s %s', relname, relrowsecurity, relforcerowsecurity)
        FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
      UNION ALL SELECT format('policy %s on %s for %s to %s: %s, %s', policyname, tablename, cmd, roles, qual, with_check)
        FROM pg_policies WHERE schemaname = 'public'
      UNION ALL SELECT format('grant %s on %s to %s', privilege_type, table_name, grantee)
        FROM information_schema.table_privileges WHERE table_schema = 'public'
      UNION ALL SELECT format('grant %s on %s.%s to %s', privilege_type, table_name, column_name, grantee)
        FROM information_schema.column_privileges WHERE table_schema = 'public'
      UNION ALL SELECT format('grant %s on %s to %s', privilege_type, routine_name, grantee)
        FROM information_schema.routine_privileges WHERE routine_schema = 'public'
      UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      ORDER BY 1`);
    return rows.map(({ line }) => line);
  });

async function migration(url: string, ...args: string[]): Promise<string> {
  const command = run('npm', ['run', '-s', ...args], {
    MIGRATION_DATABASE_URL: asRole(url, 'cairn_owner'),
    DATABASE_URL: asRole(url, 'cairn_login'),
    JWT_SECRET_KEY: 'x'.repeat(32),
  });
  expect([await command.ended, command.output()]).toEqual([0, command.output()]);
  return command.output();
}

/** Reverts until this one is reverted. */
async function revert(url: string, name: string): Promise<void> {
  for (let output = ''; !output.includes(name);) {
    output = await migration(url, 'migration:revert');
    expect(output).toContain('has been reverted');
  }
}

const [ann, bob] = ['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'];
const data = `
  INSERT INTO users (id, email, password_hash) VALUES ('${ann}', 'ann@example.com', '$argon2id$'), ('${bob}', 'bob@example.com', '$argon2id$');
  INSERT INTO goals (user_id, id, title, progress, parent_goal_id) VALUES ('${ann}', '${ann}', 'root', NULL, NULL),
    ('${ann}', gen_random_uuid(), 'by hand', 25, '${ann}'), ('${ann}', '${bob}', 'done', NULL, '${ann}'), ('${bob}', '${bob}', 'empty', NULL, NULL);
  INSERT INTO tasks (user_id, id, title, goal_id, status, completed_at) VALUES ('${ann}', gen_random_uuid(), 'x', '${bob}', 'completed', now());`;

it('go up, down to nothing, and up again to the same schema, without drift', async () => {
  const url = await newDatabase();
  await onDatabase(url, (client) =>
    client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION cairn_owner'),
  );

  expect(await migration(url, 'migration:show')).toMatch(/\[ \] 1? ?Schema1795219200000/);
  await migration(url, 'migration:run');
  expect(await migration(url, 'migration:show')).toMatch(/\[X\] \d+ Schema1795219200000/);
  const first = await dump(url);
  expect(first.filter((line) => line.startsWith('index')).length).toBeGreaterThan(15);

  const drift = await migration(
    url,
    'migration:generate',
    '--',
    'src/database/migrations/Drift',
    '--check',
    '--dryrun',
  );
  expect(drift).toContain('No changes in database schema were found');

  // Data from before progress was computed, for two users; and computed again after it was reverted.
  await revert(url, 'GoalProgress');
  await onDatabase(url, (client) => client.query(data));
  const goals = async () => {
    const text = `SELECT title, progress::float, progress_mode, status FROM goals ORDER BY user_id, title`;
    return (await onDatabase(url, (client) => client.query<object>(text))).rows;
  };
  const counted = [
    { title: 'by hand', progress: 25, progress_mode: 'manual', status: 'active' },
    { title: 'done', progress: 100, progress_mode: 'computed', status: 'completed' },
    { title: 'root', progress: 62.5, progress_mode: 'computed', status: 'active' },
    { title: 'empty', progress: null, progress_mode: 'computed', status: 'active' },
  ];
  await migration(url, 'migration:run');
  expect(await goals()).toEqual(counted);
  await revert(url, 'GoalProgress');
  await migration(url, 'migration:run');
  expect(await goals()).toEqual(counted);

  for (;;) {
    const output = await migration(url, 'migration:revert');
    if (!output.includes('has been reverted')) break;
  }
  const nothing = await dump(url);
  expect(nothing.filter((line) => !/\bmigrations/.test(line))).toEqual([]);

  await migration(url, 'migration:run');
  expect(await dump(url)).toEqual(first);
});
