import { isPlainDate, parseTimestamp } from './timestamps';

describe('parseTimestamp', () => {
  it.each(['1900-01-01', '2024-02-29', '2000-02-29', '2026-12-31', '9999-12-31'])(
    'returns the plain date %s unchanged',
    (date) => {
      expect(parseTimestamp(date)).toBe(date);
    },
  );

  it.each([
    ['2026-12-31T17:00:00Z', '2026-12-31T17:00:00.000Z'],
    ['2026-12-31T17:00Z', '2026-12-31T17:00:00.000Z'],
    ['2026-12-31t17:00:00z', '2026-12-31T17:00:00.000Z'],
    ['2026-12-31 17:00:00Z', '2026-12-31T17:00:00.000Z'],
    ['2026-12-31T23:59:59.5Z', '2026-12-31T23:59:59.500Z'],
    ['2026-12-31T23:59:59.999999999Z', '2026-12-31T23:59:59.999Z'],
    ['2026-12-31T23:30:00-01:00', '2027-01-01T00:30:00.000Z'],
    ['2026-01-01T00:00:00+14:00', '2025-12-31T10:00:00.000Z'],
    ['2026-01-01T00:00:00+05:45', '2025-12-31T18:15:00.000Z'],
    ['2026-01-01T00:00:00-00:00', '2026-01-01T00:00:00.000Z'],
    ['1900-01-01T00:00:00Z', '1900-01-01T00:00:00.000Z'],
    ['1899-12-31T23:00:00-01:00', '1900-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('converts %s to UTC with milliseconds', (text, expected) => {
    expect(parseTimestamp(text)).toBe(expected);
  });

  it('returns its own results unchanged', () => {
    const parsed = parseTimestamp('2026-12-31T23:59:59.123456+02:00')!;
    expect(parseTimestamp(parsed)).toBe(parsed);
  });

  it.each([
    '2026-02-30',
    '2026-02-30T00:00:00Z',
    '2025-02-29',
    '1900-02-29', // 1900 is not a leap year
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
  ])('refuses %s, which is not in the calendar', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it.each([
    '2026-01-01T24:00:00Z',
    '2026-01-01T12:60:00Z',
    '2026-12-31T23:59:60Z',
    '2026-01-01T12:00:00+24:00',
    '2026-01-01T12:00:00+23:60',
    '2026-01-01T12:00:00-99:99',
  ])('refuses %s, which is not a valid time', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it.each([
    '0000-01-01',
    '1899-12-31',
    '1899-12-31T23:59:59.999Z',
    '1900-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '+275760-09-13T00:00:00Z',
    '-000001-01-01',
    '10000-01-01',
  ])('refuses %s, which is outside of the years 1900 to 9999', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it.each([
    '',
    'now',
    'infinity',
    '-infinity',
    'tomorrow',
    '2026',
    '2026-1-1',
    '20261231',
    '2026-W01-1',
    '2026-12-31T17:00:00', // no offset
    '2026-12-31T17Z',
    '2026-12-31T17:00:00+0200',
    '2026-12-31T17:00:00.Z',
    '2026-12-31T17:00:00.1234567890Z',
    '2026-12-31T17:00.5Z',
    '2026-12-31Z',
    ' 2026-12-31',
    '2026-12-31\n',
    '2026-12-31\0',
    '2026-12-31T17:00:00Z; DROP TABLE tasks',
    '٢٠٢٦-١٢-٣١',
    '2026‑12‑31', // non-breaking hyphens
    '1798761600000',
  ])('refuses %j, which has another format', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });
});

describe('isPlainDate', () => {
  it.each([
    ['2026-12-31', true],
    ['2026-12-31T17:00:00.000Z', false],
  ])('%s: %s', (timestamp, expected) => {
    expect(isPlainDate(timestamp)).toBe(expected);
  });
});
