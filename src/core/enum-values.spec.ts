import { EnumValues } from './enum-values';

const statuses = new EnumValues(['pending', 'in_progress', 'completed'] as const, {
  todo: 'pending',
  to_do: 'pending',
  done: 'completed',
});
const priorities = new EnumValues([1, 2, 3], { highest: 1, high: 2 });

describe('parse', () => {
  it.each([
    ['in_progress', 'in_progress'],
    ['In Progress', 'in_progress'],
    ['IN-PROGRESS', 'in_progress'],
    ['  in \t progress\n', 'in_progress'],
    ['in - progress', 'in_progress'],
    ['in\u00a0progress', 'in_progress'],
    ['Done', 'completed'],
    ['to do', 'pending'],
    ['ToDo', 'pending'],
  ])('reads %j as %s', (input, expected) => {
    expect(statuses.parse(input)).toBe(expected);
  });

  it('returns long input unchanged', () => {
    const long = `in${' '.repeat(100)}progress`;
    expect(statuses.parse(long)).toBe(long);
  });

  it.each([
    ['1', 1],
    [' 3 ', 3],
    ['High', 2],
  ])('reads %j as the number %d', (input, expected) => {
    expect(priorities.parse(input)).toBe(expected);
  });

  it.each(['', ' ', 'inprogress', 'in__progress', '-done', 'pending,done', 'done\0', 'ｄｏｎｅ', 'dоne'])(
    'returns the unknown text %j unchanged',
    (input) => {
      expect(statuses.parse(input)).toBe(input);
    },
  );

  it.each(['4', '1.0', '1e0', '01', '+1', '0x1'])(
    'returns %j unchanged: it is not a spelling of 1',
    (input) => {
      expect(priorities.parse(input)).toBe(input);
    },
  );

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'returns %s unchanged: properties of objects are not names',
    (input) => {
      expect(statuses.parse(input)).toBe(input);
    },
  );

  it.each([null, undefined, true, 1, 2147483648, 1e21, Number.NaN, ['done'], { status: 'done' }])(
    'returns %j unchanged: only text is parsed',
    (input) => {
      expect(statuses.parse(input)).toBe(input);
    },
  );
});

describe('includes', () => {
  it.each([
    ['pending', true],
    ['in_progress', true],
    ['todo', false], // a synonym has to be parsed first
    ['In Progress', false],
    ['constructor', false],
    [['pending'], false],
    [0, false],
    [null, false],
    [undefined, false],
  ])('%j: %s', (input, expected) => {
    expect(statuses.includes(input)).toBe(expected);
  });

  it('distinguishes a number from its text', () => {
    expect([priorities.includes(1), priorities.includes('1'), priorities.includes(1.5)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
