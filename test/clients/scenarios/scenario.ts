import { deepStrictEqual } from 'node:assert';

/** The server, and an email address for the account of this scenario. */
export const [, , serverUrl = '', email = ''] = process.argv;

export const password = 'a cairn of many stones';

/** Fails with a message that contains both values. */
export function expectEqual<T>(actual: T, expected: T): void {
  deepStrictEqual(actual, expected);
}

/** The value of a response that must have one. */
export function required<T>(value: T | undefined, problem?: unknown): T {
  if (value === undefined) throw new Error(`The response is a problem: ${JSON.stringify(problem)}`);
  return value;
}
