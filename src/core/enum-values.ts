/** "In Progress", "in-progress" and "in_progress" are one word. */
function plain(written: string): string {
  return written
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_');
}

/** A vocabulary, and other ways in which people write its words. */
export class Words<Word extends string | number> {
  private readonly meanings: Map<string, Word>;

  constructor(
    readonly words: readonly Word[],
    synonyms: Record<string, Word> = {},
  ) {
    const spellings: [string, Word][] = words.map((word) => [String(word), word]);
    this.meanings = new Map([...spellings, ...Object.entries(synonyms)]);
  }

  /** The word that is meant; anything else comes back as it is. */
  read(written: unknown): unknown {
    return typeof written === 'string' ? (this.meanings.get(plain(written)) ?? written) : written;
  }

  has(value: unknown): boolean {
    return (this.words as readonly unknown[]).includes(value);
  }
}
