import { PageRequest, parseSort } from '../core/page-request';
import { Problem } from '../core/problem';
import { Keyset, nullsLastSql, SortType } from './keyset';

const sortTypes: Record<string, SortType> = {
  title: 'text',
  priority: 'integer',
  created_at: 'timestamp',
  due_date: 'nullable timestamp',
};
const id = '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51';
const otherId = '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d52';
const time = '2026-12-31T17:00:00.000Z';

interface List {
  table?: string;
  sort?: string;
  key?: string[];
  filters?: unknown;
  page?: Partial<PageRequest>;
}

function keyset({ table = 'tasks', sort, key = ['id'], filters = [null], page }: List = {}): Keyset {
  return new Keyset(
    table,
    sortTypes,
    key,
    { sort: sort ? parseSort(sort) : [], limit: 50, ...page },
    filters,
  );
}

const encoded = (content: unknown) => Buffer.from(JSON.stringify(content)).toString('base64url');
const decoded = (cursor: string) => JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];

/** A cursor with the fingerprint of the list, and made-up values. */
const madeUp = (list: List, ...values: unknown[]) => {
  const [fingerprint] = decoded(keyset(list).cursorOf('{}'));
  return encoded([fingerprint, ...values]);
};

function refusal(list: List, cursor: string): unknown {
  try {
    return keyset(list).after(cursor);
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    const { status, errors } = error as Problem;
    return [status, errors];
  }
}

const refused = [
  422,
  [
    {
      field: 'cursor',
      code: 'invalid_cursor',
      message:
        'is not a cursor of this list: use next_cursor of the previous page with the same filters and sort order',
    },
  ],
];

describe('the order', () => {
  it.each<[string, List, [sql: string, direction: string][]]>([
    ['is that of the key without a sort order', {}, [['tasks.id', 'ASC']]],
    [
      'ends with the key',
      { sort: 'title' },
      [
        ['tasks.title', 'ASC'],
        ['tasks.id', 'ASC'],
      ],
    ],
    [
      'gives the key the direction of the last column',
      { sort: 'title,-priority' },
      [
        ['tasks.title', 'ASC'],
        ['tasks.priority', 'DESC'],
        ['tasks.id', 'DESC'],
      ],
    ],
    ['does not repeat the key', { sort: '-id' }, [['tasks.id', 'DESC']]],
    [
      'has all columns of the key',
      { table: 'task_dependencies', key: ['task_id', 'depends_on_id'] },
      [
        ['task_dependencies.task_id', 'ASC'],
        ['task_dependencies.depends_on_id', 'ASC'],
      ],
    ],
    [
      'adds only the columns of the key that are missing',
      { key: ['task_id', 'depends_on_id'], sort: '-task_id' },
      [
        ['tasks.task_id', 'DESC'],
        ['tasks.depends_on_id', 'DESC'],
      ],
    ],
    [
      'puts nulls last when ascending',
      { sort: 'due_date' },
      [
        [`CASE WHEN tasks.due_date IS NULL THEN 'infinity' ELSE tasks.due_date END`, 'ASC'],
        ['tasks.id', 'ASC'],
      ],
    ],
    [
      'puts nulls last when descending',
      { sort: '-due_date' },
      [
        [`CASE WHEN tasks.due_date IS NULL THEN '-infinity' ELSE tasks.due_date END`, 'DESC'],
        ['tasks.id', 'DESC'],
      ],
    ],
  ])('%s', (_title, list, expected) => {
    expect(keyset(list).order.map(({ sql, direction }) => [sql, direction])).toEqual(expected);
  });

  it('uses the SQL of columns that the table does not have, also after a cursor', () => {
    const page = { sort: parseSort('priority'), limit: 50 };
    const list = new Keyset('tasks', sortTypes, ['id'], page, [], { priority: 'CASE 1' });
    expect(list.order[0]).toEqual({ column: 'priority', sql: 'CASE 1', direction: 'ASC' });
    const cursor = list.cursorOf(JSON.stringify({ id, priority: 2 }));
    expect(list.after(cursor)).toEqual({
      sql: '(CASE 1, tasks.id) > (:after_0, :after_1)',
      parameters: { after_0: 2, after_1: id },
    });
  });

  it('uses the expression of the indexes for nullable timestamps', () => {
    expect(keyset({ sort: 'due_date' }).order[0]!.sql).toBe(nullsLastSql('tasks.due_date'));
  });
});

describe('a cursor', () => {
  const row = {
    id,
    title: 'Läuft „gut“ 🪨',
    priority: 2,
    created_at: time,
    due_date: time,
    notes: 'left out',
  };

  it.each<[string, Record<string, unknown>, unknown[]]>([
    ['', row, [id]],
    ['title', row, [row.title, id]],
    ['-priority,title', row, [2, row.title, id]],
    ['created_at', row, [time, id]],
    ['due_date', row, [time, id]],
    ['due_date', { ...row, due_date: null }, ['infinity', id]],
    ['-due_date', { ...row, due_date: null }, ['-infinity', id]],
    ['title', { ...row, title: '' }, ['', id]],
    ['priority', { ...row, priority: 0 }, [0, id]],
  ])('of a list sorted by "%s" holds the sort keys of the row', (sort, last, expected) => {
    const list = { sort };
    const cursor = keyset(list).cursorOf(JSON.stringify(last));
    expect(cursor).toMatch(/^[\w-]+$/);
    // Another instance reads it.
    const parameters = Object.fromEntries(expected.map((value, index) => [`after_${index}`, value]));
    expect(keyset(list).after(cursor).parameters).toEqual(parameters);
  });

  it('of a key of two columns holds both', () => {
    const list = { table: 'task_dependencies', key: ['task_id', 'depends_on_id'] };
    const cursor = keyset(list).cursorOf(JSON.stringify({ depends_on_id: otherId, task_id: id }));
    expect(keyset(list).after(cursor)).toEqual({
      sql: '(task_dependencies.task_id, task_dependencies.depends_on_id) > (:after_0, :after_1)',
      parameters: { after_0: id, after_1: otherId },
    });
  });

  it('is valid for another page length, and with or without the total', () => {
    const cursor = keyset({ page: { limit: 1 } }).cursorOf(JSON.stringify({ id }));
    const { parameters } = keyset({ page: { limit: 200, include: 'total' } }).after(cursor);
    expect(parameters).toEqual({ after_0: id });
  });

  it.each<[string, List]>([
    ['another table', { table: 'goals', sort: 'title' }],
    ['another column', { sort: 'created_at' }],
    ['another direction', { sort: '-title' }],
    ['another number of columns', { sort: 'title,priority' }],
    ['another filter', { sort: 'title', filters: [['pending']] }],
    ['no filters', { sort: 'title', filters: [] }],
  ])('of a list with %s is refused', (_what, other) => {
    const cursor = keyset(other).cursorOf(JSON.stringify(row));
    expect(keyset(other).after(cursor)).toHaveProperty('sql');
    expect(refusal({ sort: 'title' }, cursor)).toEqual(refused);
  });

  it('of a list with the same values in other filters is refused', () => {
    const cursor = keyset({ filters: ['a', null] }).cursorOf(JSON.stringify(row));
    expect(refusal({ filters: [null, 'a'] }, cursor)).toEqual(refused);
  });
});

describe('a made-up cursor', () => {
  it.each([
    ['nothing', ''],
    ['no base64', '%%%'],
    ['no JSON', Buffer.from('abc').toString('base64url')],
    ['invalid UTF-8', Buffer.from([0xff, 0xfe, 0x00]).toString('base64url')],
    ['null', encoded(null)],
    ['a number', encoded(1e21)],
    ['a string', encoded('cursor')],
    ['an object', encoded({ 0: 'x', length: 1 })],
    ['an empty array', encoded([])],
    ['values without a fingerprint', encoded([id])],
    ['null as the fingerprint', encoded([null, id])],
    ['deep nesting', Buffer.from('['.repeat(6000)).toString('base64url')],
  ])('of %s is refused', (_what, cursor) => {
    expect(refusal({}, cursor)).toEqual(refused);
  });

  it('with the fingerprint and values of the right types is accepted', () => {
    expect(keyset({ sort: 'priority' }).after(madeUp({ sort: 'priority' }, 3, id)).parameters).toEqual({
      after_0: 3,
      after_1: id,
    });
  });

  it.each<[string, unknown[]]>([
    ['', []],
    ['', [null]],
    ['', ['me']],
    ['', [`${id}' OR true --`]],
    ['', [[id]]],
    ['', [id, id]], // one value too many
    ['title', [id]], // one too few
    ['title', [1, id]],
    ['title', [null, id]],
    ['title', ['a\0b', id]],
    ['title', ['\ud800', id]],
    ['title', [{ toString: 'x' }, id]],
    ['title', ['a', null]],
    ['priority', ['1', id]],
    ['priority', [1.5, id]],
    ['priority', [1e21, id]],
    ['priority', [2 ** 53, id]],
    ['created_at', ['now', id]],
    ['created_at', ['infinity', id]], // the column is never null
    ['created_at', [null, id]],
    ['created_at', ['2026-12-31T17:00:00Z', id]], // without milliseconds
    ['created_at', ['2026-02-30T00:00:00.000Z', id]],
    ['created_at', ['+275760-09-13T00:00:00.000Z', id]],
    ['due_date', [null, id]],
    ['due_date', ['-infinity', id]], // stands for null in the other direction
    ['-due_date', ['infinity', id]],
    ['due_date', ['Infinity', id]],
  ])('of a list sorted by "%s" is refused with the values %j', (sort, values) => {
    expect(refusal({ sort }, madeUp({ sort }, ...values))).toEqual(refused);
  });
});

describe('the condition for the rows after a cursor', () => {
  const condition = (sort: string) => {
    const row = { id, title: 'a', priority: 2, due_date: null };
    return keyset({ sort }).after(keyset({ sort }).cursorOf(JSON.stringify(row)));
  };

  it('compares ascending columns at once', () => {
    expect(condition('title,priority').sql).toBe(
      '(tasks.title, tasks.priority, tasks.id) > (:after_0, :after_1, :after_2)',
    );
  });

  it('compares descending columns at once', () => {
    expect(condition('-title,-priority').sql).toBe(
      '(tasks.title, tasks.priority, tasks.id) < (:after_0, :after_1, :after_2)',
    );
  });

  it('compares step by step where directions are mixed', () => {
    expect(condition('title,-priority')).toEqual({
      sql:
        '((tasks.title > :after_0)' +
        ' OR (tasks.title = :after_0 AND tasks.priority < :after_1)' +
        ' OR (tasks.title = :after_0 AND tasks.priority = :after_1 AND tasks.id < :after_2))',
      parameters: { after_0: 'a', after_1: 2, after_2: id },
    });
  });

  it('compares nullable timestamps by their position, in both directions', () => {
    expect(condition('due_date')).toEqual({
      sql: `(CASE WHEN tasks.due_date IS NULL THEN 'infinity' ELSE tasks.due_date END, tasks.id) > (:after_0, :after_1)`,
      parameters: { after_0: 'infinity', after_1: id },
    });
    expect(condition('-due_date')).toEqual({
      sql: `(CASE WHEN tasks.due_date IS NULL THEN '-infinity' ELSE tasks.due_date END, tasks.id) < (:after_0, :after_1)`,
      parameters: { after_0: '-infinity', after_1: id },
    });
  });

  it('contains no value of the cursor', () => {
    const list = { sort: 'title' };
    const title = `'); DROP TABLE tasks; --`;
    const { sql, parameters } = keyset(list).after(madeUp(list, title, id));
    expect(sql).toBe('(tasks.title, tasks.id) > (:after_0, :after_1)');
    expect(parameters).toEqual({ after_0: title, after_1: id });
  });
});
