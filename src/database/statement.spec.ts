import { sql, StatementCache } from './statement';

describe('sql', () => {
  it.each<[string, string, unknown[]]>([
    ['SELECT 1', 'SELECT 1', []],
    ['SELECT :a', 'SELECT $1', ['A']],
    ['SELECT :b, :a', 'SELECT $1, $2', ['B', 'A']],
    ['SELECT :a, :b, :a', 'SELECT $1, $2, $1', ['A', 'B']],
    ['(:a,:b)', '($1,$2)', ['A', 'B']],
    [':a_1 + :a', '$1 + $2', ['A1', 'A']], // one name begins with the other
    [':a AND :a_1', '$1 AND $2', ['A', 'A1']],
    [':_private', '$1', ['P']],
    [':a::uuid[]', '$1::uuid[]', ['A']],
    ['now()::date', 'now()::date', []],
    ['x::text::json, :a', 'x::text::json, $1', ['A']],
    ["time '23:59:59.999'", "time '23:59:59.999'", []],
    [`'HH24:MI:SS.MS"Z"'`, `'HH24:MI:SS.MS"Z"'`, []],
    ['x := 1', 'x := 1', []],
    ['a[1:2]', 'a[1:2]', []],
    ['SELECT : a', 'SELECT : a', []],
    [':a\n:b', '$1\n$2', ['A', 'B']],
  ])('numbers the parameters of %j', (text, expected, values) => {
    const parameters = { a: 'A', b: 'B', a_1: 'A1', _private: 'P', unused: 'U' };
    expect(sql(text, parameters)).toMatchObject({
      name: expect.any(String) as string,
      text: expected,
      values,
    });
  });

  it.each([
    ['SELECT 1', 'select'],
    ['\n  -- a comment\n  (WITH a AS (SELECT 1) SELECT 2)', 'with'],
    ['INSERT INTO tasks', 'insert'],
    ['', ''],
  ])('has as its kind the first word of %j', (text, kind) => {
    expect(sql(text).kind).toBe(kind);
  });

  it('numbers more than nine parameters', () => {
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    const parameters = Object.fromEntries(names.map((name, index) => [name, index]));
    const { text, values } = sql(names.map((name) => `:${name}`).join(' '), parameters);
    expect(text).toBe('$1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12');
    expect(values).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('keeps values out of the text, and as they are', () => {
    const value = `'; DROP TABLE tasks; -- :b $1`;
    const list = ['x', null];
    const statement = sql('SELECT :a, :b, :c', { a: value, b: list, c: null });
    expect(statement.text).toBe('SELECT $1, $2, $3');
    expect(statement.values[0]).toBe(value);
    expect(statement.values[1]).toBe(list);
    expect(statement.values[2]).toBeNull();
  });

  it('has undefined for a parameter without a value', () => {
    expect(sql('SELECT :a, :b', { b: 1 }).values).toEqual([undefined, 1]);
  });

  it('has the same name for the same text, whatever the values', () => {
    const [one, two] = [sql('SELECT :a', { a: 1 }), sql('SELECT :a', { a: 2 })];
    expect(two.name).toBe(one.name);
    expect([one.values, two.values]).toEqual([[1], [2]]);
  });

  it('has the same name for texts that are equal once they are numbered', () => {
    expect(sql('SELECT :first').name).toBe(sql('SELECT :second').name);
  });

  it('has another name for another text', () => {
    expect(sql('SELECT :a, 1').name).not.toBe(sql('SELECT :a, 2').name);
  });

  it('has names that fit into an identifier of PostgreSQL', () => {
    expect(sql(`SELECT ${'x'.repeat(10_000)}`).name).toMatch(/^[\w-]{22}$/);
  });
});

describe('StatementCache', () => {
  /** Gets the statements of these keys, and returns the keys that had to be compiled. */
  function compiledKeys(cache: StatementCache, ...keys: string[]): string[] {
    const compiled: string[] = [];
    for (const key of keys) {
      cache.get(key, {}, () => {
        compiled.push(key);
        return [key, []];
      });
    }
    return compiled;
  }

  it('compiles once per key', () => {
    expect(compiledKeys(new StatementCache(10), 'a', 'b', 'a', 'a', 'b')).toEqual(['a', 'b']);
  });

  it('takes the values in the order of the names, for each call', () => {
    const cache = new StatementCache(10);
    const values = (parameters: Record<string, unknown>) =>
      cache.get('key', parameters, () => ['$1 $2', ['b', 'a']]).values;
    expect([values({ a: 1, b: 2 }), values({ a: 3, b: 4 }), values({ a: 5 })]).toEqual([
      [2, 1],
      [4, 3],
      [undefined, 5],
    ]);
  });

  it('forgets the key that was used least recently', () => {
    const cache = new StatementCache(2);
    expect(compiledKeys(cache, 'a', 'b', 'a', 'c')).toEqual(['a', 'b', 'c']); // b is forgotten
    expect(compiledKeys(cache, 'a', 'c')).toEqual([]);
    expect(compiledKeys(cache, 'b')).toEqual(['b']); // a is forgotten
    expect(compiledKeys(cache, 'c', 'a')).toEqual(['a']);
  });

  it('names the statement after its text, not its key', () => {
    const cache = new StatementCache(10);
    const nameOf = (key: string, text: string) => cache.get(key, {}, () => [text, []]).name;
    expect(nameOf('one', 'SELECT 1')).toBe(nameOf('two', 'SELECT 1'));
    expect(nameOf('three', 'SELECT 3')).not.toBe(nameOf('one', 'SELECT 1'));
  });
});
