import { Problem } from '../core/problem';
import { checkJsonKeys, isForbiddenKey } from './json-keys';

/** The error of the check as "field code"; undefined for text that passes. */
function errorOf(text: string, keys = 1000, values = 1_000_000): string | undefined {
  JSON.parse(text); // the texts are valid JSON
  try {
    checkJsonKeys(text, { keys, values, depth: 32 });
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    const { status, errors } = error as Problem;
    expect([status, errors?.length]).toEqual([422, 1]);
    return `${errors![0]!.field} ${errors![0]!.code}`;
  }
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const nestedObjects = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
const withKeys = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `"k${index}":${index}`).join(',')}}`;

describe('checkJsonKeys', () => {
  it.each([
    '{}',
    '[]',
    'null',
    '"text"',
    '{"a":1,"b":2}',
    '{"a":{"a":{"a":1}}}', // the same key at different depths
    '[{"a":1},{"a":2}]', // and in different objects
    '{"a":{"b":1},"b":{"a":1}}',
    '{"a":"a","b":"a"}', // values
    '{"a":["a","a","b"],"b":["b"]}',
    '{"a":["x",{"x":"x"},"x"]}',
    '{"a":1,"A":2}',
    '{"\u00e9":1,"e\u0301":2}', // another Unicode form is another key
    '{"":1}',
    '{"a":"__proto__","b":["constructor","toString"]}',
    '{"a":"{\\"a\\":1,\\"a\\":2}"}', // JSON in a string
    '{"a":"\\\\","b":"\\\\\\"","c":"},{"}',
    '{"a\\"b":1,"a\\\\b":2,"a":3}',
    ' {\n\t"a" :\r 1 , "b" : [ ] } ',
    '{"__proto":1,"proto__":2,"Constructor":3}',
  ])('accepts %s', (text) => {
    expect(errorOf(text)).toBeUndefined();
  });

  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"a":1}', 'a'],
    ['{"a":1,"b":{},"a":[]}', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"\\u0061":1,"a":2}', 'a'],
    ['{"title":1,"t\\u0069tle":2}', 'title'],
    ['{"a/b":1,"a\\/b":2}', 'a/b'],
    ['{"\\n":1,"\\u000A":2}', '\n'],
    ['{"\\ud83e\\udea8":1,"🪨":2}', '🪨'],
    ['{"":1,"":2}', ''],
    ['{"a" : 1 ,\n "a"\t: 2}', 'a'],
    ['{"x":{"a":1,"a":2}}', 'a'],
    ['[[{"a":1},{"b":1,"b":2}]]', 'b'],
    ['{"a":{"b":[{}]},"c":"}","a":1}', 'a'],
    ['{"a":"\\\\","a":1}', 'a'],
    ['{"a":"{\\"","a":1}', 'a'],
  ])('refuses the duplicate key in %s', (text, key) => {
    expect(errorOf(text)).toBe(`${key} duplicate_key`);
  });

  it('replaces a lone surrogate in the key that it names', () => {
    expect(errorOf('{"\\ud800":1,"\\ud800":2}')).toBe('\ufffd duplicate_key');
  });

  it.each([
    ['{"__proto__":{"is_superuser":true}}', '__proto__'],
    ['{"\\u005f_proto__":1}', '__proto__'],
    ['{"a":[{"constructor":{"prototype":{}}}]}', 'constructor'],
    ['{"prototype":1}', 'prototype'],
    ['{"toString":null}', 'toString'],
    ['{"has\\u004fwnProperty":1}', 'hasOwnProperty'],
  ])('refuses the forbidden key in %s', (text, key) => {
    expect(errorOf(text)).toBe(`${key} unknown_field`);
  });

  it.each([
    ['arrays', nested],
    ['objects', nestedObjects],
  ])('accepts 32 levels of %s and refuses 33', (_what, build) => {
    expect(errorOf(build(32))).toBeUndefined();
    expect(errorOf(build(33))).toBe(' too_deep');
  });

  it('counts open levels, not brackets', () => {
    expect(
      errorOf(`{"a":[${Array.from({ length: 5000 }, () => '[[]]').join(',')}],"b":"${'['.repeat(5000)}"}`),
    ).toBe(undefined);
  });

  it('refuses a depth of 100,000', () => {
    expect(errorOf(nested(100_000))).toBe(' too_deep');
  });

  it('accepts as many keys as allowed and refuses one more', () => {
    expect(errorOf(withKeys(1000))).toBeUndefined();
    expect(errorOf(withKeys(1001))).toBe(' too_many_keys');
  });

  it('counts the keys of all objects together', () => {
    expect(errorOf('[{"a":1},{"a":{"a":1}}]', 3)).toBeUndefined();
    expect(errorOf('[{"a":1},{"a":{"a":1}}]', 2)).toBe(' too_many_keys');
  });

  it('does not count array items and values', () => {
    expect(errorOf(`{"a":${JSON.stringify(Array.from({ length: 5000 }, () => 'a'))}}`, 1)).toBeUndefined();
  });

  it.each([
    ['null', 1],
    ['[]', 1],
    ['{"a":"b"}', 2],
    ['[{},[],"a",1,true,null]', 7],
    ['{"a":{"b":[1,-2.5e3 , "c:,"],"d":[[]]} ,"e" :false}', 9],
    ['[\n1\t,\r2 ]', 3],
    ['["\\\\","\\",[1]"]', 3],
  ])('counts the values of %s: %d', (text, count) => {
    expect(errorOf(text, 1000, count)).toBeUndefined();
    expect(errorOf(text, 1000, count - 1)).toBe(' too_many_values');
  });

  it('refuses a megabyte of empty arrays at the limit, without reading on', () => {
    const text = `{"a":[${'[],'.repeat(350_000)}[]],"a":1}`;
    expect(errorOf(text, 1000, 20_000)).toBe(' too_many_values');
  });

  it('reads text that is not JSON to its end', () => {
    for (const text of ['{"a', '{"a\\', '}]},', 'nonsense', '{a:1}', '"', '']) {
      expect(() => checkJsonKeys(text, { keys: 10, values: 10, depth: 32 })).not.toThrow(Problem);
    }
  });

  it.each([
    ['escapes', '\\\\'],
    ['escaped quotes', '\\"'],
    ['braces', '{'],
    ['characters', 'x'],
  ])('reads past a megabyte of %s in a string', (_what, part) => {
    const long = part.repeat(500_000);
    expect(errorOf(`{"a":"${long}","a":1}`)).toBe('a duplicate_key');
    expect(errorOf(`{"${long}":1,"${long}":2}`)).toMatch(/ duplicate_key$/);
  });
});

describe('isForbiddenKey', () => {
  it.each([
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'valueOf',
    '__defineGetter__',
    'isPrototypeOf',
  ])('forbids %s', (name) => {
    expect(isForbiddenKey(name)).toBe(true);
  });

  it.each(['', 'title', 'proto', '__proto', 'Prototype', 'length', 'name', 'then', 'toJSON'])(
    'allows "%s"',
    (name) => {
      expect(isForbiddenKey(name)).toBe(false);
    },
  );
});
