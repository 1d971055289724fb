/** UTC or an IANA name with an area. Names such as CET are refused: PostgreSQL reads them as an offset without summer time. */
export function isTimezone(value: unknown): boolean {
  if (value !== 'UTC' && !/^[A-Za-z_]+\/[A-Za-z0-9_+/-]{1,60}$/.test(String(value))) return false;
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: String(value) }));
  } catch {
    return false;
  }
}
