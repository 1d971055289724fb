import { createHash } from 'node:crypto';

/** Differences that are named in a message. */
const maxNamed = 10;

/** Characters that are hashed together: many small updates of a hash are slow. */
const hashedLength = 50_000;

/** The checksum of a column. */
class Checksum {
  private readonly hash = createHash('sha256');
  private text = '';

  add(text: string): void {
    this.text += text;
    if (this.text.length >= hashedLength) this.flush();
  }

  digest(): string {
    this.flush();
    return this.hash.digest('hex');
  }

  private flush(): void {
    this.hash.update(this.text);
    this.text = '';
  }
}

interface Column {
  expected: Checksum;
  stored: Checksum;
}

/** Compares the rows of an import with what PostgreSQL returns for them: column by column, and by checksums. */
export class Checksums {
  /** Descriptions of the first differences. */
  readonly differences: string[] = [];
  differenceCount = 0;
  rowCount = 0;
  private readonly columns = new Map<string, Column>();

  /** @param table the name in messages */
  constructor(private readonly table: string) {}

  /**
   * @param expected by column, from the source
   * @param stored by column; undefined if the row is missing
   */
  add(
    sourceId: number,
    expected: Record<string, unknown>,
    stored: Record<string, unknown> | undefined,
  ): void {
    this.rowCount++;
    if (stored === undefined) this.addDifference(`${this.table} ${sourceId} is missing in Cairn`);
    for (const [column, value] of Object.entries(expected)) {
      const [want, got] = [canonicalJson(value), canonicalJson(stored?.[column])];
      const hashes = this.columns.get(column) ?? { expected: new Checksum(), stored: new Checksum() };
      this.columns.set(column, hashes);
      const line = `${sourceId} ${want}\n`;
      hashes.expected.add(line);
      hashes.stored.add(want === got ? line : `${sourceId} ${got}\n`);
      if (stored !== undefined && want !== got) {
        this.addDifference(`${this.table} ${sourceId}, ${column}: ${short(want)} became ${short(got)}`);
      }
    }
  }

  /** Ends the computation. @returns for each column the checksums of the source and of Cairn, in hexadecimal */
  digests(): { column: string; expected: string; stored: string }[] {
    return [...this.columns].map(([column, { expected, stored }]) => {
      return { column, expected: expected.digest(), stored: stored.digest() };
    });
  }

  private addDifference(text: string): void {
    this.differenceCount++;
    if (this.differences.length < maxNamed) this.differences.push(text);
  }
}

/** JSON with sorted keys: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77).toWellFormed()}…` : text;
}
