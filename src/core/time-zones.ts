/** UTC or an IANA name with an area. Names such as CET are refused: PostgreSQL reads them as an offset without summer time. */
export function isTimezone(value: unknown): boolean {
  if (value !== 'UTC' && !/^[A-Za-z_]+\/[A-Za-z0-9_+/-]{1,60}$/.test(String(value))) return false;
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: String(value) }));
  } catch {
    return false;
  }
}

const day = 86_400_000;

/** A point in time, in milliseconds, and whether the local time that it comes from names exactly one. */
export interface LocalTimeInUtc {
  utc: number;
  /** `repeated` if the clock was set back over the local time, `skipped` if it was set forward over it. */
  kind: 'unique' | 'repeated' | 'skipped';
}

/** Converts local times of one time zone. The rules are those of Intl; only the inversion of its offsets is here. */
export class LocalTimes {
  private readonly format: Intl.DateTimeFormat;
  /** The offset at the start of a day, by the number of the day. */
  private readonly offsets = new Map<number, number>();

  /** @param timezone valid according to `isTimezone` */
  constructor(timezone: string) {
    const numeric = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
    const time = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
    this.format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, ...numeric, ...time });
  }

  /**
   * Of a repeated local time, the first occurrence. A skipped one is moved forward by the length of the gap.
   * @param local the local time as if it were UTC, in milliseconds
   */
  toUtc(local: number): LocalTimeInUtc {
    const number = Math.floor(local / day);
    const before = this.offsetAtStartOf(number - 1);
    const after = this.offsetAtStartOf(number + 2);
    if (before === after) return { utc: local - before, kind: 'unique' };
    const found = [before, after]
      .map((offset) => local - offset)
      .filter((utc) => utc + this.offsetAt(utc) === local);
    if (found.length === 0) return { utc: local - before, kind: 'skipped' };
    return { utc: Math.min(...found), kind: found.length === 1 ? 'unique' : 'repeated' };
  }

  private offsetAtStartOf(number: number): number {
    const offset = this.offsets.get(number) ?? this.offsetAt(number * day);
    this.offsets.set(number, offset);
    return offset;
  }

  /** What the local time is ahead of UTC, in milliseconds. */
  private offsetAt(utc: number): number {
    const parts = Object.fromEntries(
      this.format.formatToParts(utc).map(({ type, value }) => [type, Number(value)]),
    );
    const { year, month, day: date, hour, minute, second } = parts as Record<string, number>;
    const local = Date.UTC(year!, month! - 1, date, hour, minute, second);
    return local - Math.floor(utc / 1000) * 1000;
  }
}
