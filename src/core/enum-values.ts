/** Longer input is not a name, and is not normalized. */
const maxNameLength = 100;

/** "In Progress", "in-progress" and "in_progress" are the same value. */
function normalize(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_');
}

/** The allowed values of an enum, and synonyms that are accepted for them. */
export class EnumValues<Value extends string | number> {
  private readonly valuesByName: Map<string, Value>;

  constructor(
    readonly values: readonly Value[],
    synonyms: Record<string, Value> = {},
  ) {
    const names: [string, Value][] = values.map((value) => [String(value), value]);
    this.valuesByName = new Map([...names, ...Object.entries(synonyms)]);
  }

  /** The value that the input names; any other input is returned unchanged, to be refused by validation. */
  parse(input: unknown): unknown {
    if (typeof input !== 'string' || input.length > maxNameLength) return input;
    return this.valuesByName.get(normalize(input)) ?? input;
  }

  includes(input: unknown): boolean {
    return (this.values as readonly unknown[]).includes(input);
  }
}
