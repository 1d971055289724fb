/** What pg does not declare. */
declare module 'pg/lib/utils' {
  /** Converts a value to the form in which PostgreSQL receives it: null, text, or bytes. */
  export function prepareValue(value: unknown): string | Buffer | null;
}
