import { characterCount, hasAtMost, isStorableJson, isStorableText, isVisibleText } from './text';

const highSurrogate = '\ud83e';
const lowSurrogate = '\udea8';

describe('isStorableText', () => {
  it.each(['', ' ', 'a', '🪨', 'مرحبا', '\u202eabc', 'e\u0301', '\x01\x1b[31m', '\ufffe\uffff'])(
    'accepts %j',
    (text) => {
      expect(isStorableText(text)).toBe(true);
    },
  );

  it.each([
    '\0',
    'a\0b',
    highSurrogate,
    lowSurrogate,
    `a${highSurrogate}b`,
    `${lowSurrogate}${highSurrogate}`, // a pair in the wrong order
  ])('refuses %j', (text) => {
    expect(isStorableText(text)).toBe(false);
  });

  it.each([null, undefined, 1, true, ['a'], { length: 1 }, new String('a')])(
    'refuses %p: no string',
    (value) => {
      expect(isStorableText(value)).toBe(false);
    },
  );
});

describe('isStorableJson', () => {
  it.each([
    null,
    true,
    '',
    '🪨',
    0,
    -0,
    1e-15,
    -1e-15,
    Number.MAX_SAFE_INTEGER,
    -Number.MAX_SAFE_INTEGER,
    [],
    {},
    { key: [{ key: 'value' }, null, 1.5] },
  ])('accepts %j', (value) => {
    expect(isStorableJson(value)).toBe(true);
  });

  it.each([
    1e-16,
    -1e-16,
    Number.MIN_VALUE,
    Number.MAX_SAFE_INTEGER + 1,
    -(Number.MAX_SAFE_INTEGER + 1),
    1e21,
    1e308,
    JSON.parse('1e400') as number, // Infinity
    Number.NaN,
  ])('refuses the number %p', (number) => {
    expect(isStorableJson(number)).toBe(false);
  });

  it.each<[string, unknown]>([
    ['a value', { a: 'b\0' }],
    ['a key', { 'a\0': 'b' }],
    ['a nested key', [{ a: { '\ud800': 1 } }]],
    ['a nested value', { a: [[{ b: ['c', '\ud800'] }]] }],
    ['a number in an array', { a: [1, 1e308] }],
  ])('refuses an object because of %s', (_where, value) => {
    expect(isStorableJson(value)).toBe(false);
  });
});

describe('isVisibleText', () => {
  it.each(['a', '0', '.', ' a ', '🪨', '漢', 'ا', '\u0301', '\u200bx\u200b', '👩‍👩‍👧'])('accepts %j', (text) => {
    expect(isVisibleText(text)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \t\r\n\v\f\u00a0\u2003\u3000'],
    ['line and paragraph separators', '\u2028\u2029'],
    ['control characters', '\0\x01\x1b\x7f\x85'],
    ['zero-width characters', '\u200b\u200c\u200d\u2060\ufeff'],
    ['directional marks', '\u200e\u200f\u202e\u2066\u2069'],
    ['soft hyphens', '\u00ad'],
    ['variation selectors', '\ufe00\ufe0f\u{e0100}'],
    ['tag characters', '\u{e0001}\u{e0041}'],
    ['combining grapheme joiners', '\u034f'],
    ['Hangul fillers', '\u115f\u1160\u3164\uffa0'],
    ['blank Braille patterns', '\u2800'],
  ])('refuses %s', (_what, text) => {
    expect(isVisibleText(text)).toBe(false);
  });

  it('checks a megabyte of invisible characters', () => {
    expect(isVisibleText('\u200b'.repeat(1_000_000))).toBe(false);
  });
});

describe('characterCount', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['🪨', 1],
    ['🪨'.repeat(500), 500],
    ['e\u0301', 2],
    ['👩‍👩‍👧', 5],
    ['\ud800', 1],
  ])('counts the code points of %j', (text, expected) => {
    expect(characterCount(text)).toBe(expected);
  });
});

describe('hasAtMost', () => {
  it.each([
    ['', 0, true],
    ['abc', 3, true],
    ['abcd', 3, false],
    ['🪨🪨🪨', 3, true],
    ['🪨🪨🪨🪨', 3, false],
    ['🪨🪨a', 3, true],
    ['🪨aaa', 3, false],
    ['\ud800\ud800', 1, false],
  ])('compares the code points of %j with %d', (text, max, expected) => {
    expect(hasAtMost(max, text)).toBe(expected);
  });
});
