import { EnumValues } from '../core/enum-values';
import { LocalTimes } from '../core/time-zones';
import { Cell, Cells, isoTime } from './cells';

const zone = new LocalTimes('America/Los_Angeles');
const times = { zone, createdAtUtcBefore: Date.UTC(2025, 9, 11, 16, 21), importedAt: 0 };
const priorities = new EnumValues([1, 2, 3, 4, 5], { high: 2 });
const statuses = new EnumValues(['pending', 'completed'], { done: 'completed' });

/** The converted value, and the rules of its notes; null for a note that stops the import. */
function convert<T>(value: Cell, work: (cells: Cells) => T): [T, (string | null)[]] {
  const cells = new Cells({ value });
  return [work(cells), cells.notes.map(({ rule }) => rule ?? null)];
}

it.each<[Cell, string | null, (string | null)[]]>([
  [null, null, []],
  ['', '', []],
  ['🪨🪨🪨', '🪨🪨🪨', []],
  ['🪨🪨🪨🪨', '🪨🪨🪨🪨', [null]],
  ['a\0b', 'ab', ['characters']],
  [new Uint8Array([0x61, 0xff]), 'a\ufffd', ['characters']],
  [17, '17', []],
])('text %j becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.text('value', 3))).toEqual([expected, rules]);
});

it('text that is too long is reported with its length, and not cut', () => {
  const cells = new Cells({ value: 'x'.repeat(11) });
  expect(cells.text('value', 10)).toHaveLength(11);
  expect(cells.notes).toEqual([{ column: 'value', text: 'has 11 characters; Cairn stores at most 10' }]);
});

it.each<[Cell, string, string[]]>([
  ['A title', 'A title', []],
  [null, 'Untitled', ['title']],
  [' \u200b', 'Untitled', ['title']],
])('the title %j becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.title('value', 500))).toEqual([expected, rules]);
});

it.each<[Cell, number | null, string[]]>([
  [null, null, []],
  [1.5, 1.5, []],
  [1.337, 1.34, ['number']],
  [-1, null, ['number']],
  [Infinity, null, ['number']],
  ['2.25', 2.25, []],
  ['soon', null, ['number']],
])('the hours %j become %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.decimal('value', 0, 100_000))).toEqual([expected, rules]);
});

it.each<[Cell, number | null, string[]]>([
  [null, null, []],
  [33.333333, 33.33, ['number']],
  [130, 100, ['number']],
  [-1, 0, ['number']],
])('the progress %j becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.percentage('value'))).toEqual([expected, rules]);
});

it.each<[Cell, number, string[]]>([
  [1, 1, []],
  [9, 5, ['priority']],
  [-3, 1, ['priority']],
  [null, 3, ['priority']],
  ['High', 2, ['priority']],
  ['4', 4, ['priority']],
  ['whenever', 3, ['priority']],
])('the priority %j becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.priority('value', priorities))).toEqual([expected, rules]);
});

it.each<[Cell, string, string[]]>([
  ['completed', 'completed', []],
  ['COMPLETED', 'completed', ['status']],
  ['done', 'completed', ['status']],
  [null, 'pending', ['status']],
  ['weird', 'pending', ['status']],
])('the status %j becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.oneOf('value', statuses, 'pending', 'status'))).toEqual([
    expected,
    rules,
  ]);
});

it.each<[Cell, string | null, string[]]>([
  ['2025-07-01 12:00:00.123987', '2025-07-01T19:00:00.123Z', []],
  ['2025-12-01 12:00:00', '2025-12-01T20:00:00.000Z', []],
  ['2025-12-01', '2025-12-01T08:00:00.000Z', []],
  ['2025-12-01T12:00:00+01:00', '2025-12-01T11:00:00.000Z', []],
  ['2025-11-02 01:30:00.000000', '2025-11-02T08:30:00.000Z', ['repeated']],
  ['2025-03-09 02:30:00.000000', '2025-03-09T10:30:00.000Z', ['skipped']],
  ['2025-02-30 00:00:00.000000', null, ['time']],
  ['0001-01-01 00:00:00.000000', null, ['time']],
  ['tomorrow', null, ['time']],
  [1762041600, null, ['time']],
  [null, null, []],
])('the local time %j becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => isoTime(cells.localTime('value', times)))).toEqual([expected, rules]);
});

it.each<[Cell, string | null, string[]]>([
  ['2025-10-11 09:00:00.000000', '2025-10-11T09:00:00.000Z', []], // UTC: local would be before the update, too
  ['2025-10-11 10:00:00.000000', '2025-10-11T10:00:00.000Z', ['basis']],
  ['2025-10-11 16:20:59.999999', '2025-10-11T16:20:59.999Z', ['basis']],
  ['2025-10-11 16:21:00.000000', '2025-10-11T23:21:00.000Z', []],
  ['2025-11-02 01:30:00.000000', '2025-11-02T08:30:00.000Z', ['repeated']],
])('created_at %j of a task becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => isoTime(cells.mixedTime('value', times)))).toEqual([expected, rules]);
});

it.each<[Cell, object | null, string[]]>([
  [null, null, []],
  ['null', null, []],
  ['{}', {}, []],
  ['[]', {}, []],
  ['{"a": {"b": [1, null]}}', { a: { b: [1, null] } }, []],
  ['[1, 2]', { value: [1, 2] }, ['json']],
  ['"text"', { value: 'text' }, ['json']],
  ['{"a": NaN}', { text: '{"a": NaN}' }, ['json']],
  ['{"a": 12345678901234567890}', { text: '{"a": 12345678901234567890}' }, ['json']],
  ['{"a": "\\u0000"}', { text: '{"a": "\\u0000"}' }, ['json']],
])('the metrics %j become %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.object('value', 20_000))).toEqual([expected, rules]);
});

it.each<[Cell, unknown[], string[]]>([
  [null, [], []],
  ['null', [], []],
  ['[]', [], []],
  ['["a", 1]', ['a', 1], []],
  ['{"a": 1}', [], ['json']],
  ['a, b', [], ['json']],
])('the list %j becomes %j', (value, expected, rules) => {
  expect(convert(value, (cells) => cells.list('value'))).toEqual([expected, rules]);
});
