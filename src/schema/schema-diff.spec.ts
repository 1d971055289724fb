import { differences, report, statements } from './schema-diff';
import type { Kind, SchemaObject, SchemaSnapshot } from './schema-snapshot';

const object = (
  kind: Kind,
  name: string,
  definition = name,
  values: Partial<SchemaObject> = {},
): SchemaObject => ({
  kind,
  name,
  create: `CREATE ${definition}`,
  drop: `DROP ${name}`,
  ...values,
});

const grant = (privilege: string, target: string, role: string, column: string | null = null, suffix = '') =>
  object('grant', `${privilege} (${column}) on ${target} to ${role}`, `${privilege} ${column}${suffix}`, {
    grant: { privilege, column, object: target, role, suffix },
  });

const snapshot = (...objects: SchemaObject[]): SchemaSnapshot =>
  new Map(objects.map((each) => [`${each.kind} ${each.name}`, each]));

const migration = (actual: SchemaObject[], expected: SchemaObject[]) =>
  statements(differences(snapshot(...actual), snapshot(...expected)));

describe('differences', () => {
  const table = object('table', 'tasks');
  const oldIndex = object('index', 'i on tasks', 'INDEX i (a)');
  const newIndex = object('index', 'i on tasks', 'INDEX i (b)');

  it('is empty for equal schemas in any order', () => {
    expect(differences(snapshot(table, oldIndex), snapshot(oldIndex, table))).toEqual([]);
    expect(differences(snapshot(), snapshot())).toEqual([]);
  });

  it('contains missing objects, extra objects and objects that differ', () => {
    const extra = object('trigger', 't on tasks');
    expect(differences(snapshot(oldIndex, extra), snapshot(table, newIndex))).toEqual([
      { expected: table },
      { actual: oldIndex, expected: newIndex },
      { actual: extra },
    ]);
  });

  it('does not confuse kinds: an index and a trigger may have the same name', () => {
    const [index, trigger] = [object('index', 'x'), object('trigger', 'x')];
    expect(differences(snapshot(index), snapshot(trigger))).toEqual([
      { expected: trigger },
      { actual: index },
    ]);
  });

  it('can be limited to some kinds', () => {
    expect(differences(snapshot(), snapshot(table, newIndex), ['index'])).toEqual([{ expected: newIndex }]);
    expect(differences(snapshot(table, oldIndex), snapshot(), ['table'])).toEqual([{ actual: table }]);
  });
});

describe('statements', () => {
  const table = object('table', 'tasks');
  const index = object('index', 'i');
  const trigger = object('trigger', 't');
  const policy = object('policy', 'p');

  it('create dependent objects last', () => {
    expect(migration([], [policy, trigger, index, table])).toEqual([
      'CREATE tasks',
      'CREATE i',
      'CREATE t',
      'CREATE p',
    ]);
  });

  it('drop dependent objects first', () => {
    expect(migration([table, index, trigger, policy], [])).toEqual([
      'DROP p',
      'DROP t',
      'DROP i',
      'DROP tasks',
    ]);
  });

  it('drop everything before they create anything', () => {
    expect(migration([trigger, table], [object('trigger', 't', 'new t'), table, index])).toEqual([
      'DROP t',
      'CREATE i',
      'CREATE new t',
    ]);
  });

  it('replace a function with the same signature', () => {
    const old = object('function', 'f()', 'old', { signature: ' RETURNS text' });
    expect(migration([old], [{ ...old, create: 'CREATE OR REPLACE new' }])).toEqual([
      'CREATE OR REPLACE new',
    ]);
  });

  it('drop a function whose signature changes, and create it again', () => {
    const old = object('function', 'f()', 'old', { signature: ' RETURNS text' });
    const changed = { ...old, create: 'CREATE new', signature: ' RETURNS uuid' };
    expect(migration([old], [changed])).toEqual(['DROP f()', 'CREATE new']);
  });

  it('combine the grants to one role on one object', () => {
    expect(
      migration(
        [],
        [
          grant('SELECT', 'tags', 'cairn_app'),
          grant('UPDATE', 'tags', 'cairn_app', 'name'),
          grant('UPDATE', 'tags', 'cairn_app', '"color"'),
          grant('SELECT', 'users', 'cairn_app'),
          grant('SELECT', 'tags', 'cairn_purge'),
          grant('SELECT', 'tags', 'cairn_admin', null, ' WITH GRANT OPTION'),
        ],
      ),
    ).toEqual([
      'GRANT SELECT, UPDATE (name, "color") ON tags TO cairn_app',
      'GRANT SELECT ON users TO cairn_app',
      'GRANT SELECT ON tags TO cairn_purge',
      'GRANT SELECT ON tags TO cairn_admin WITH GRANT OPTION',
    ]);
  });

  it('keep a privilege on the table apart from the same one on columns', () => {
    const grants = [grant('UPDATE', 'tags', 'cairn_app'), grant('UPDATE', 'tags', 'cairn_app', 'name')];
    expect(migration([], grants)).toEqual(['GRANT UPDATE, UPDATE (name) ON tags TO cairn_app']);
  });

  it('revoke before they drop, and grant after they create', () => {
    const [old, expected] = [
      grant('SELECT', 'old', 'r', 'a', ' WITH GRANT OPTION'),
      grant('SELECT', 'tasks', 'r'),
    ];
    expect(migration([index, old], [expected, table])).toEqual([
      'REVOKE SELECT (a) ON old FROM r',
      'DROP i',
      'CREATE tasks',
      'GRANT SELECT ON tasks TO r',
    ]);
  });

  it('are none without differences', () => {
    expect(statements([])).toEqual([]);
  });
});

describe('report', () => {
  it('has a line for each difference, and the first lines that differ', () => {
    const old = object('function', 'f()', 'f\n  BEGIN\n    old;\n  END');
    const expected = object('function', 'f()', 'f\n  BEGIN\n    new;\n  FINISH');
    expect(
      report([
        { expected: object('policy', 'owner on tags') },
        { actual: object('index', 'extra on tasks') },
        { actual: old, expected },
      ]).split('\n'),
    ).toEqual([
      '  missing in the database: policy owner on tags',
      '  only in the database: index extra on tasks',
      '  different: function f()',
      '    database:  old;',
      '    sources:   new;',
    ]);
  });

  it.each([
    ['f\nmore', 'f', 'more', '(no further line)'],
    ['f', 'f\nmore', '(no further line)', 'more'],
  ])('says where one definition ends (%#)', (actual, expected, inDatabase, inSources) => {
    expect(
      report([{ actual: object('function', 'f()', actual), expected: object('function', 'f()', expected) }]),
    ).toBe(`  different: function f()\n    database:  ${inDatabase}\n    sources:   ${inSources}`);
  });

  it('is empty without differences', () => {
    expect(report([])).toBe('');
  });
});
