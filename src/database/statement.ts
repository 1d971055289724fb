import { createHash } from 'node:crypto';

/** A statement that can be sent. It has a name, so that PostgreSQL parses and plans it once per connection. */
export interface Statement<Row = unknown> {
  /** A hash of the text. */
  name: string;
  text: string;
  /** The first word of the text, in lower case. */
  kind: string;
  values: unknown[];
  /** Whether it only begins, checks or ends a transaction, or a part of one. */
  isControl?: true;
  /** Never set. Tells the type checker which columns the returned rows have. */
  readonly rowType?: Row;
}

/** Values by the names of `:named` parameters, which are snake_case like columns. */
export type Parameters = Record<string, unknown>;

/** A piece of SQL with `:named` parameters, and their values. */
export interface Fragment {
  sql: string;
  parameters?: Parameters;
}

interface CompiledSql {
  name: string;
  /** SQL with `$1`, `$2`, … */
  text: string;
  kind: string;
  /** The named parameters in the order of their numbers. */
  parameterNames: string[];
}

/** Caches the most recently used statements. */
export class StatementCache {
  private readonly statements = new Map<string, CompiledSql>();

  constructor(private readonly maxSize: number) {}

  /**
   * @param key the SQL, or data that determines it
   * @param compile returns numbered SQL and the order of its parameters; called once per key
   */
  get<Row>(
    key: string,
    parameters: Parameters,
    compile: () => [text: string, parameterNames: string[]],
  ): Statement<Row> {
    const { name, text, kind, parameterNames } = this.find(key) ?? this.add(key, ...compile());
    return { name, text, kind, values: parameterNames.map((parameter) => parameters[parameter]) };
  }

  private find(key: string): CompiledSql | undefined {
    const cached = this.statements.get(key);
    if (!cached) return undefined;
    // A Map keeps the order of insertion: the least recently used key comes first.
    this.statements.delete(key);
    this.statements.set(key, cached);
    return cached;
  }

  private add(key: string, text: string, parameterNames: string[]): CompiledSql {
    const [oldest] = this.statements.keys();
    if (oldest !== undefined && this.statements.size >= this.maxSize) this.statements.delete(oldest);
    const name = createHash('sha256').update(text).digest('base64url').slice(0, 22);
    const [, word = ''] = /^(?:[\s(]|--.*\n)*(\w+)/.exec(text) ?? [];
    const compiled = { name, text, kind: word.toLowerCase(), parameterNames };
    this.statements.set(key, compiled);
    return compiled;
  }
}

const cache = new StatementCache(500);

/** A hand-written statement. @param text SQL with `:named` parameters */
export function sql<Row = unknown>(text: string, parameters: Parameters = {}): Statement<Row> {
  return cache.get<Row>(text, parameters, () => numberParameters(text));
}

/** A statement that only begins, checks or ends a transaction, or a part of one. @param text SQL with `:named` parameters */
export function control<Row = unknown>(text: string, parameters: Parameters = {}): Statement<Row> {
  return { ...sql<Row>(text, parameters), isControl: true };
}

/** Replaces `:named` parameters by `$1`, `$2`, …, but not `::casts`. */
function numberParameters(text: string): [string, string[]] {
  const names: string[] = [];
  const numbered = text.replace(/(?<!:):([a-z_][a-z_0-9]*)\b/g, (_match, name: string) => {
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}`;
  });
  return [numbered, names];
}
