import { Cell, Note, Rule, rules } from './cells';

/** Lines of the terminal for each kind of remark; the report has all. */
const maxShown = 5;

/** Called with the rows that are done, of all rows of a step. */
export type OnProgress = (step: string, done: number, total: number) => void;

/** How many rows of a table an import has handled in which way. */
export interface TableCounts {
  source: number;
  created: number;
  updated: number;
  unchanged: number;
  /** Changed in the source and in Cairn: Cairn's row was kept. */
  kept: string[];
  /** Deleted in Cairn: not created again. */
  deleted: number;
}

/** What an import did, for its operator. */
export class ImportReport {
  /** Values of the source that Cairn does not show, for the file with everything that was left out. */
  readonly originals: { table: string; id: number; column: string; value: Cell }[] = [];
  /** Rows that do not fit, which stops the import. */
  readonly refusals: string[] = [];
  readonly facts: [string, string][] = [];
  readonly counts = new Map<string, TableCounts>();
  readonly checksums: { table: string; column: string; rows: number; expected: string; stored: string }[] =
    [];
  readonly spotRows: string[] = [];
  readonly leftOut: string[] = [];
  /** The first line. */
  outcome = '';
  private readonly remarks = new Map<Rule, string[]>();

  addNotes(table: string, id: number, notes: Note[]): void {
    for (const { rule, column, text, original } of notes) {
      const line = `${table} ${id}, ${column}: ${text}`;
      if (rule === undefined) this.refusals.push(`${table} ${id}: ${column} ${text}`);
      else this.remark(rule, line);
      if (original !== undefined && original !== null)
        this.originals.push({ table, id, column, value: original });
    }
  }

  remark(rule: Rule, line: string): void {
    const lines = this.remarks.get(rule) ?? [];
    this.remarks.set(rule, lines);
    lines.push(line);
  }

  /** The whole report, as Markdown. */
  markdown(): string {
    const sections = [
      `# Import of an SQLite file`,
      this.outcome,
      list(this.facts.map(([name, value]) => `${name}: ${value}`)),
      ...this.refusalSection(Infinity),
      ...this.countSection(Infinity),
      ...this.remarkSections(Infinity),
    ];
    if (this.leftOut.length) sections.push('## Left out of Cairn', list(this.leftOut));
    if (this.spotRows.length) sections.push('## Spot rows: the source → Cairn', list(this.spotRows));
    if (this.checksums.length) {
      const lines = this.checksums.map(({ table, column, rows, expected, stored }) => {
        const same = expected === stored ? 'same' : `DIFFERENT: ${stored}`;
        return `| ${table}.${column} | ${rows} | ${expected} | ${same} |`;
      });
      const header = '| column | rows | SHA-256 of the source | of Cairn |\n| --- | --- | --- | --- |';
      sections.push('## Checksums of the created and updated rows', [header, ...lines].join('\n'));
    }
    return `${sections.join('\n\n')}\n`;
  }

  /** A summary for the terminal, without titles and other long texts of the user. */
  summary(): string {
    const sections = [
      this.outcome,
      ...this.refusalSection(20),
      ...this.countSection(maxShown),
      ...this.remarkSections(maxShown),
    ];
    if (this.leftOut.length) sections.push('## Left out of Cairn', list(this.leftOut));
    if (this.checksums.length) {
      const same = this.checksums.filter(({ expected, stored }) => expected === stored).length;
      sections.push(
        `Checksums: ${same} of ${this.checksums.length} columns are the same in the source and in Cairn.`,
      );
    }
    if (this.spotRows.length) sections.push(list(this.spotRows));
    return sections.join('\n\n');
  }

  private refusalSection(max: number): string[] {
    if (this.refusals.length === 0) return [];
    return [`## Does not fit (${this.refusals.length})`, bounded(this.refusals, max)];
  }

  private countSection(max: number): string[] {
    if (this.counts.size === 0) return [];
    const lines = [...this.counts].map(([table, { source, created, updated, unchanged, kept, deleted }]) => {
      return `| ${[table, source, created, updated, unchanged, kept.length, deleted].join(' | ')} |`;
    });
    const header =
      '| table | in the source | created | updated | unchanged | kept: changed in both | deleted in Cairn |\n' +
      '| --- | --- | --- | --- | --- | --- | --- |';
    const kept = [...this.counts].flatMap(([table, counts]) => counts.kept.map((row) => `${table} ${row}`));
    return [
      '## Rows',
      [header, ...lines].join('\n'),
      ...(kept.length ? ['## Changed in the source and in Cairn: kept as in Cairn', bounded(kept, max)] : []),
    ];
  }

  private remarkSections(max: number): string[] {
    return (Object.keys(rules) as Rule[]).flatMap((rule) => {
      const lines = this.remarks.get(rule) ?? [];
      return lines.length ? [`## ${rules[rule]} (${lines.length})`, bounded(lines, max)] : [];
    });
  }
}

function list(lines: string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}

function bounded(lines: string[], max: number): string {
  const more = lines.length - max;
  return more > 0 ? `${list(lines.slice(0, max))}\n- … and ${more} more, see the report` : list(lines);
}
