import { isTimezone } from './time-zones';

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
