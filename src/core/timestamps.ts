const rfc3339 =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2}))?$/;

/** The years that Cairn stores. */
const [firstYear, lastYear] = [1900, 9999];

/**
 * Parses a plain date (2026-12-31) or an RFC 3339 timestamp.
 * @returns a plain date unchanged, a timestamp in UTC with milliseconds; undefined for text in another format, for dates
 * that do not exist and for years outside of 1900–9999
 */
export function parseTimestamp(text: string): string | undefined {
  const parts = rfc3339.exec(text);
  if (!parts) return undefined;
  const [, date = '', hours, minutes, seconds, , offset] = parts;
  if (!isCalendarDate(date)) return undefined;
  if (offset === undefined) return isSupported(new Date(date)) ? date : undefined;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) return undefined;
  const time = new Date(text.toUpperCase().replace(' ', 'T'));
  return Number.isNaN(time.getTime()) || !isSupported(time) ? undefined : time.toISOString();
}

/** `2026-12-31`, in contrast to a timestamp. */
export function isPlainDate(timestamp: string): boolean {
  return timestamp.length === 10;
}

/** JavaScript would read February 30 as March 2. */
function isCalendarDate(date: string): boolean {
  const time = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(date);
}

function isSupported(time: Date): boolean {
  return time.getUTCFullYear() >= firstYear && time.getUTCFullYear() <= lastYear;
}
