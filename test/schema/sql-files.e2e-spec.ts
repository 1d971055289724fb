import { sqlFiles } from '../../src/schema/sql-files';

const definitions = sqlFiles().map(({ path, sql }) => ({ path, sql: sql.replace(/--.*/g, '') }));
const all = definitions.map(({ sql }) => sql).join('\n');

/** The application translates each into a response. */
const hints = [
  'cycle',
  'dependency_cycle',
  'dependency_open',
  'email_not_verified',
  'forbidden',
  'goal',
  'hours_counted',
  'idempotency_key_in_use',
  'parent_trashed',
  'quota_exceeded',
  'task',
  'too_deep',
];

it('every HINT is one that the application knows', () => {
  const raised = [...all.matchAll(/\bHINT = '(\w+)'/g)].map(([, hint]) => hint);
  expect([...new Set(raised)].sort()).toEqual(hints);
  expect(all.match(/\bHINT\b/g)).toHaveLength(raised.length);
});

it('every object is defined once', () => {
  const created = [
    ...all.matchAll(/^CREATE (?:UNIQUE )?((?:FUNCTION|INDEX|TRIGGER) \w+|POLICY \w+ ON \w+)/gm),
  ].map(([, name]) => name);
  expect(created.length).toBeGreaterThan(60);
  expect(created.filter((name, index) => created.indexOf(name) !== index)).toEqual([]);
});

it('no function may be executed by PUBLIC', () => {
  const created = [...all.matchAll(/^CREATE FUNCTION (\w+)\(/gm)].map(([, name]) => name);
  const revoked = [...all.matchAll(/REVOKE ALL ON FUNCTION ([^;]+) FROM PUBLIC;/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/(\w+)\(/g)].map(([, name]) => name),
  );
  expect(revoked.sort()).toEqual(created.sort());
});

it('only the functions for transaction flags, for the identity and for quotas touch settings', () => {
  const touching = definitions.filter(({ sql }) => sql.includes("'cairn.")).map(({ path }) => path);
  expect(touching).toEqual([
    'src/database/transaction-flags.sql',
    'src/database/transactions.sql',
    'src/limits/quotas.sql',
  ]);
});
