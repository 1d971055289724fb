import { isTimezone, LocalTimes } from './time-zones';

describe('isTimezone', () => {
  it.each([
    'UTC',
    'Etc/UTC',
    'Etc/GMT+12',
    'Europe/Berlin',
    'America/Argentina/Buenos_Aires',
    'America/Port-au-Prince',
    'Asia/Kathmandu',
    'Asia/Calcutta', // an alias
    'Pacific/Kiritimati',
  ])('accepts %s', (name) => {
    expect(isTimezone(name)).toBe(true);
  });

  it.each(['CET', 'EST', 'EST5EDT', 'GMT', 'utc', 'Z', 'local', 'posixrules', 'Factory'])(
    'refuses %s, which has no area',
    (name) => {
      expect(isTimezone(name)).toBe(false);
    },
  );

  it.each([
    '+02:00',
    '-0500',
    'UTC+2',
    '2',
    'Etc/GMT+99',
    'Europe/Nowhere',
    'posix/Europe/Berlin',
    'right/UTC',
  ])('refuses %s, which is not an IANA name', (name) => {
    expect(isTimezone(name)).toBe(false);
  });

  it.each([
    '',
    '/',
    'Europe/',
    '../../etc/passwd',
    'Europe/../UTC',
    'Europe/Berlin\n',
    ' Europe/Berlin',
    'Europe/Berlin\0',
    "Europe/Berlin'; DROP TABLE users; --",
    'Εurope/Berlin', // with a Greek letter
    `Europe/${'a'.repeat(100_000)}`,
  ])('refuses the hostile name %#', (name) => {
    expect(isTimezone(name)).toBe(false);
  });

  it.each([null, undefined, 0, true, {}, []])('refuses %j', (value) => {
    expect(isTimezone(value)).toBe(false);
  });
});

describe('LocalTimes', () => {
  const toUtc = (zone: string, local: string) => {
    const { utc, kind } = new LocalTimes(zone).toUtc(Date.parse(`${local}Z`));
    return [new Date(utc).toISOString().slice(0, 19), kind];
  };

  it.each([
    ['UTC', '2025-03-09T02:30:00', '2025-03-09T02:30:00', 'unique'],
    ['America/Los_Angeles', '2025-03-09T01:59:59', '2025-03-09T09:59:59', 'unique'],
    ['America/Los_Angeles', '2025-03-09T02:00:00', '2025-03-09T10:00:00', 'skipped'],
    ['America/Los_Angeles', '2025-03-09T02:59:59', '2025-03-09T10:59:59', 'skipped'],
    ['America/Los_Angeles', '2025-03-09T03:00:00', '2025-03-09T10:00:00', 'unique'],
    ['America/Los_Angeles', '2025-11-02T00:59:59', '2025-11-02T07:59:59', 'unique'],
    ['America/Los_Angeles', '2025-11-02T01:00:00', '2025-11-02T08:00:00', 'repeated'],
    ['America/Los_Angeles', '2025-11-02T01:59:59', '2025-11-02T08:59:59', 'repeated'],
    ['America/Los_Angeles', '2025-11-02T02:00:00', '2025-11-02T10:00:00', 'unique'],
    ['Europe/Berlin', '2025-10-26T02:30:00', '2025-10-26T00:30:00', 'repeated'],
    ['Europe/Berlin', '2025-03-30T02:30:00', '2025-03-30T01:30:00', 'skipped'],
    ['Asia/Kathmandu', '2025-01-01T00:00:00', '2024-12-31T18:15:00', 'unique'],
    ['Australia/Lord_Howe', '2025-10-05T02:15:00', '2025-10-04T15:45:00', 'skipped'], // half an hour
    ['Pacific/Apia', '2011-12-30T12:00:00', '2011-12-30T22:00:00', 'skipped'], // a day
    ['Pacific/Kiritimati', '2025-01-01T00:00:00', '2024-12-31T10:00:00', 'unique'],
  ])('%s: %s is %s (%s)', (zone, local, utc, kind) => {
    expect(toUtc(zone, local)).toEqual([utc, kind]);
  });
});
