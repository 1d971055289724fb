import { ProblemKind } from './problem-kind';

/** The condition of a request on the row that its URL names: it is checked in the transaction of the write. */
export interface Precondition {
  table: string;
  id: string;
  /** The row must have one of these versions; null means any. */
  versions: number[] | null;
  /** The row must not have one of these versions; null means any. */
  otherVersions: number[] | null;
  /** A transaction that checked it has been committed. What it wrote has changed the version. */
  isMet?: boolean;
}

export const preconditionFailed = new ProblemKind(
  412,
  'precondition_failed',
  'The resource has another version than the request requires. `current` contains it as it is now.',
);

/**
 * The tables whose rows have a version, by name; `database` adds them. The column is `version`, or `updated_at` in `users`,
 * whose version is that timestamp in milliseconds since 1970.
 */
export const versionedTables = new Set<string>();

/** The id in `/users/me`. */
export const ownId = 'me';

/** A path segment that names a collection, followed by the parameter for the id of one of its rows. */
const rowPattern = /([\w-]+)\/[:{](\w+)\}?/g;

/** The path of an account. Below it are mirrors of other resources. */
const accountPattern = /\/users\/(?:[:{](\w+)\}?|me)$/;

/**
 * The versioned row that a route reads or writes: the last one that its path names. By convention, the segment before an id
 * is the name of the table: `/tasks/:id/time-entries/:entry_id` names a row of `time_entries`.
 * @param path with parameters, as `:id` or `{id}`
 */
export function versionedRowOf(path: string): { table: string; parameter: string } | undefined {
  const account = accountPattern.exec(path);
  if (account) return { table: 'users', parameter: account[1] ?? ownId };
  for (const [, collection = '', parameter = ''] of [...path.matchAll(rowPattern)].reverse()) {
    const table = collection.replaceAll('-', '_');
    if (table !== 'users' && versionedTables.has(table)) return { table, parameter };
  }
  return undefined;
}
