import { JsonText } from '../core/json-text';
import { entityTagOf, parseEntityTags, versionOf, versionOfTag } from './entity-tags';

const tag = (value: string, isWeak = false) => ({ isWeak, value });

describe('parseEntityTags', () => {
  it.each<[string, ReturnType<typeof parseEntityTags>]>([
    ['"1"', [tag('1')]],
    ['W/"1", "2-abc"', [tag('1', true), tag('2-abc')]],
    [' "1" ,\t"2" ', [tag('1'), tag('2')]],
    [', ,"1",,', [tag('1')]],
    ['"a,b"', [tag('a,b')]],
    ['""', [tag('')]],
    [' * ', '*'],
  ])('reads %j', (header, expected) => {
    expect(parseEntityTags(header)).toEqual(expected);
  });

  it.each([
    '',
    ' ',
    ',',
    '1',
    'w/"1"',
    'W/1',
    '"1',
    '"1" "2"',
    '"1"x',
    '*, "1"',
    '"a b"',
    '"\u007f"',
    '"'.repeat(9),
  ])('refuses %j', (header) => {
    expect(parseEntityTags(header)).toBeUndefined();
  });
});

describe('versionOfTag', () => {
  it.each<[string, number | undefined]>([
    ['7', 7],
    ['7-abcdefghijklmno_', 7],
    ['1763775738123', 1763775738123],
    ['7-abcdefghijklmno_+br', 7],
    ['7+gzip', 7],
    ['7-abcdefghijkl-br', undefined],
    ['7+deflate', undefined],
    ['7-abc', undefined],
    ['7x', undefined],
    ['-7', undefined],
    ['1234567890123456', undefined],
    ['', undefined],
  ])('of %j is %s', (value, expected) => {
    expect(versionOfTag(tag(value))).toBe(expected);
  });
});

describe('entityTagOf', () => {
  const of = (text: string) => entityTagOf(new JsonText(text));

  it('has the version at the end of a resource, and changes with each byte', () => {
    expect(of('{"id":"a","version":12}')).toMatch(/^"12-[\w-]{16}"$/);
    expect(of('{"id":"a","version":12}')).toBe(of('{"id":"a","version":12}'));
    expect(of('{"id":"b","version":12}')).not.toBe(of('{"id":"a","version":12}'));
    expect(of('{"items":[{"version":12}]}')).toMatch(/^"[\w-]{16}"$/);
    expect(versionOf('{"title":"\\"version\\":3}"}')).toBeUndefined();
    expect(versionOf('{"updated_at":"2026-11-22T01:42:18.123Z"}')).toBe(
      Date.UTC(2026, 10, 22, 1, 42, 18, 123),
    );
  });
});
