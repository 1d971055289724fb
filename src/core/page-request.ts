/** Items of a page. */
export const maxPageSize = 200;

/** Characters. */
export const maxCursorLength = 8000;

export interface SortKey {
  column: string;
  descending: boolean;
}

/** The parameters of every list, in addition to its filters. */
export interface PageRequest {
  sort: SortKey[];
  /** From 1 to maxPageSize. */
  limit: number;
  cursor?: string;
  include?: string;
  /** The names of the fields that each item has; by default all. */
  fields?: string[];
}

/** Parses `due_date,-priority`. */
export function parseSort(text: string): SortKey[] {
  return text
    .split(',')
    .map((item) => ({ column: item.replace(/^-/, ''), descending: item.startsWith('-') }));
}
