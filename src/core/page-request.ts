export interface SortKey {
  column: string;
  descending: boolean;
}

/** What a client can ask of every list, besides its filters. */
export interface PageRequest {
  sort: SortKey[];
  /** 1–200 */
  limit: number;
  cursor?: string;
  include?: string;
}

/** Parses `due_date,-priority`. */
export function parseSort(text: string): SortKey[] {
  return text
    .split(',')
    .map((item) => ({ column: item.replace(/^-/, ''), descending: item.startsWith('-') }));
}
