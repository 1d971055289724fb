import {
  anyOf,
  before,
  contains,
  either,
  from,
  isAbsent,
  startOfDaySql,
  timestampOrEndOfDaySql,
} from './filters';
import { nullsLastSql } from './keyset';
import { sql } from './statement';

const time = '2026-12-31T17:00:00.000Z';
const date = '2026-12-31';

describe('anyOf', () => {
  const filter = anyOf('t.status');

  it.each<[(string | number | null)[], string, unknown]>([
    [['pending'], '(t.status = :status)', 'pending'],
    [[0], '(t.status = :status)', 0],
    [['pending', 'completed'], '(t.status = ANY(:status))', ['pending', 'completed']],
    [[null], '(t.status IS NULL)', undefined],
    [['pending', null], '(t.status = :status OR t.status IS NULL)', 'pending'],
    [[null, 'a', 'b'], '(t.status = ANY(:status) OR t.status IS NULL)', ['a', 'b']],
    [["') OR true --"], '(t.status = :status)', "') OR true --"],
  ])('of %j is %s', (values, expected, parameter) => {
    expect(filter('status', values)).toEqual({ sql: expected, parameters: { status: parameter } });
  });
});

describe('isAbsent', () => {
  it('has no parameter', () => {
    expect(isAbsent('t.due_date')()).toEqual({ sql: 't.due_date IS NULL' });
  });
});

describe('from', () => {
  it('compares with a timestamp', () => {
    expect(from('t.created_at')('created_from', time)).toEqual({
      sql: 't.created_at >= :created_from::timestamptz',
      parameters: { created_from: time },
    });
  });

  it('compares with the start of a plain date, in a subselect', () => {
    const { sql: condition, parameters } = from('t.created_at')('created_from', date);
    const start = startOfDaySql(':created_from::date', 'u.timezone');
    expect(condition).toBe(`t.created_at >= (SELECT ${start} FROM users u WHERE u.id = :user_id)`);
    expect(parameters).toEqual({ created_from: date });
  });

  it('leaves out rows without a value, where the index has them last', () => {
    const indexed = nullsLastSql('t.due_date');
    expect(from('t.due_date', indexed)('due_from', time).sql).toBe(
      `${indexed} >= :due_from::timestamptz AND t.due_date IS NOT NULL`,
    );
  });
});

describe('before', () => {
  it('compares with a timestamp', () => {
    expect(before('t.created_at')('created_before', time)).toEqual({
      sql: 't.created_at < :created_before::timestamptz',
      parameters: { created_before: time },
    });
  });

  it('compares with the start of a plain date, in a subselect', () => {
    expect(before('t.created_at')('created_before', date).sql).toMatch(
      /^t\.created_at < \(SELECT .* FROM users u WHERE u\.id = :user_id\)$/s,
    );
  });

  it('needs no other condition for rows without a value: they come last', () => {
    const indexed = nullsLastSql('t.due_date');
    expect(before('t.due_date', indexed)('due_before', time).sql).toBe(
      `${indexed} < :due_before::timestamptz`,
    );
  });
});

describe('timestampOrEndOfDaySql', () => {
  it('passes a timestamp unchanged', () => {
    expect(timestampOrEndOfDaySql('due_date', time)).toBe(':due_date::timestamptz');
  });

  it('is the last millisecond of a plain date in the time zone of the user', () => {
    expect(timestampOrEndOfDaySql('due_date', date)).toBe(
      `(SELECT (:due_date::date + time '23:59:59.999') AT TIME ZONE u.timezone FROM users u WHERE u.id = :user_id)`,
    );
  });

  it('does not depend on the current time', () => {
    const { text, values } = sql(timestampOrEndOfDaySql('due_date', date), { due_date: date, user_id: 'me' });
    expect(text).toBe(
      `(SELECT ($1::date + time '23:59:59.999') AT TIME ZONE u.timezone FROM users u WHERE u.id = $2)`,
    );
    expect(values).toEqual([date, 'me']);
  });
});

describe('either', () => {
  it.each([
    [true, 't.completed_at IS NOT NULL'],
    [false, 't.completed_at IS NULL'],
  ])('of %s is %s', (value, expected) => {
    const filter = either('t.completed_at IS NOT NULL', 't.completed_at IS NULL');
    expect(filter('completed', value)).toEqual({ sql: expected });
  });
});

describe('contains', () => {
  it('searches all columns with one parameter', () => {
    expect(contains('t.title', 't.description')('q', 'stone')).toEqual({
      sql: '(t.title ILIKE :q OR t.description ILIKE :q)',
      parameters: { q: '%stone%' },
    });
  });

  it.each([
    ['100%', '%100\\%%'],
    ['snake_case', '%snake\\_case%'],
    ['C:\\temp', '%C:\\\\temp%'],
    ['\\', '%\\\\%'],
    ['\\%_', '%\\\\\\%\\_%'],
    ['%%%', '%\\%\\%\\%%'],
    ["'; DROP TABLE tasks; --", "%'; DROP TABLE tasks; --%"],
    ['$&', '%$&%'],
    ['', '%%'],
    ['🪨', '%🪨%'],
  ])('searches for %j literally', (text, pattern) => {
    expect(contains('t.title')('q', text).parameters).toEqual({ q: pattern });
  });
});
