const rfc3339 =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2}))?$/;

/** The years that Cairn stores. */
const [firstYear, lastYear] = [1900, 9999];

/**
 * A moment as PostgreSQL takes it: a plain date as it is, a time in UTC to the millisecond.
 * @returns undefined for anything that is not RFC 3339, not in the calendar, or out of 1900–9999
 */
export function readMoment(written: string): string | undefined {
  const parts = rfc3339.exec(written);
  if (!parts) return undefined;
  const [, date = '', hours, minutes, seconds, , offset] = parts;
  if (!isInCalendar(date)) return undefined;
  if (offset === undefined) return isStored(new Date(date)) ? date : undefined;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) return undefined;
  const moment = new Date(written.toUpperCase().replace(' ', 'T'));
  return Number.isNaN(moment.getTime()) || !isStored(moment) ? undefined : moment.toISOString();
}

/** JavaScript would take the 30th of February for the 2nd of March. */
function isInCalendar(date: string): boolean {
  const moment = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(date);
}

function isStored(moment: Date): boolean {
  return moment.getUTCFullYear() >= firstYear && moment.getUTCFullYear() <= lastYear;
}
