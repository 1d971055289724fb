/** Whether PostgreSQL can store the text and return it unchanged: no U+0000, no lone surrogates. */
export function isStorableText(value: unknown): boolean {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed();
}

/** Whether PostgreSQL returns the JSON unchanged. Numbers are limited too, because jsonb writes 1e308 with all its digits. */
export function isStorableJson(value: unknown): boolean {
  if (typeof value === 'string') return isStorableText(value);
  if (typeof value === 'number')
    return value === 0 || (Math.abs(value) >= 1e-15 && Math.abs(value) <= Number.MAX_SAFE_INTEGER);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => isStorableText(key) && isStorableJson(inner));
}

/** Whether the text has at least one visible character: not only white space, control and zero-width characters. */
export function isVisibleText(value: unknown): boolean {
  return /[^\s\p{Cc}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u.test(String(value));
}

/** The number of characters (code points). */
export function characterCount(value: unknown): number {
  return [...String(value)].length;
}

/** Whether the text has at most this many characters (code points). The characters of a much longer text are not counted. */
export function hasAtMost(max: number, value: unknown): boolean {
  const { length } = String(value);
  return length <= max || (length <= 2 * max && characterCount(value) <= max);
}
