import { Connection, DatabaseError, Submittable, types } from 'pg';
import { prepareValue } from 'pg/lib/utils';
import { serialize } from 'pg-protocol';
import type {
  CommandCompleteMessage,
  DataRowMessage,
  RowDescriptionMessage,
} from 'pg-protocol/dist/messages';
import type { Statement } from './statement';

/** The result of one statement. */
export interface StatementResult {
  /** The first word of the command tag, such as `INSERT`. */
  command: string;
  rows: Record<string, unknown>[];
}

/** The results of the statements of a pipeline, up to the one that failed. */
export interface PipelineOutcome {
  results: StatementResult[];
  /** The error of the statement after the results, or of the commit after all statements. */
  error?: unknown;
}

interface Column {
  name: string;
  parse: (text: string) => unknown;
}

/** A prepared statement of one connection. */
interface PreparedStatement {
  name: string;
  isSent: boolean;
  /** Undefined until PostgreSQL has parsed and described it. */
  columns?: Column[];
}

/**
 * The prepared statements of one connection. A name whose preparation failed, for example because an earlier statement of
 * the pipeline had failed, is not sent again: PgBouncer considers it in use and closes the connection
 * (https://github.com/pgbouncer/pgbouncer/issues/1118).
 */
export class PreparedStatements {
  private readonly statements = new Map<string, PreparedStatement>();
  private replacements = 0;

  /** How many names were sent. */
  get size(): number {
    return this.statements.size + this.replacements;
  }

  get({ name }: Statement): PreparedStatement {
    let statement = this.statements.get(name);
    if (!statement) this.statements.set(name, (statement = unsent(name)));
    return statement;
  }

  /** Forgets the statement if its name was sent, but not prepared. */
  replaceUnlessPrepared(statement: Statement): void {
    const { name } = statement;
    const { isSent, columns } = this.get(statement);
    if (!isSent || columns) return;
    this.replacements++;
    this.statements.set(name, unsent(`${name}_${this.replacements}`));
  }
}

function unsent(name: string): PreparedStatement {
  return { name, isSent: false };
}

/**
 * Statements that are sent in one message: Parse, once per connection, Bind and Execute of each, and one Sync. Unless a
 * transaction block is open, they are one transaction, which PostgreSQL commits at the Sync. After an error, it skips the
 * statements that follow (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
 */
export class Pipeline implements Submittable {
  /** Resolves when the connection can be used again. */
  readonly outcome: Promise<PipelineOutcome>;
  private readonly results: StatementResult[] = [];
  private rows: Record<string, unknown>[] = [];
  private readonly sent: PreparedStatement[] = [];
  /** The statements that are parsed and described. */
  private readonly preparing: PreparedStatement[] = [];
  private describedCount = 0;
  private settle!: (outcome: PipelineOutcome) => void;

  constructor(
    private readonly statements: Statement[],
    private readonly prepared: PreparedStatements,
  ) {
    this.outcome = new Promise((resolve) => (this.settle = resolve));
  }

  /** @returns an error if a value cannot be sent; then nothing is sent */
  submit(connection: Connection): Error | undefined {
    try {
      const message = this.message();
      for (const statement of this.preparing) statement.isSent = true;
      if (this.preparing.length > 0) connection.on('noData', this.onNoData);
      if (connection.stream.writable) connection.stream.write(message);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** The answer to Describe. */
  handleRowDescription({ fields }: RowDescriptionMessage): void {
    this.preparing[this.describedCount++]!.columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: types.getTypeParser(dataTypeID, 'text') as (text: string) => unknown,
    }));
  }

  handleDataRow({ fields }: DataRowMessage): void {
    const columns = this.sent[this.results.length]!.columns!;
    const row: Record<string, unknown> = {};
    for (const [index, { name, parse }] of columns.entries()) {
      const text = fields[index] as string | null;
      row[name] = text === null ? null : parse(text);
    }
    this.rows.push(row);
  }

  handleCommandComplete({ text }: CommandCompleteMessage): void {
    this.results.push({ command: text.split(' ', 1)[0]!, rows: this.rows });
    this.rows = [];
  }

  handleReadyForQuery(connection: Connection): void {
    connection.off('noData', this.onNoData);
    this.settle({ results: this.results });
  }

  /** pg calls this instead of `handleReadyForQuery`, before PostgreSQL is ready. */
  handleError(error: unknown, connection: Connection): void {
    connection.off('noData', this.onNoData);
    for (const statement of this.statements) this.prepared.replaceUnlessPrepared(statement);
    const settle = () => {
      connection.off('readyForQuery', settle).off('end', settle);
      this.settle({ results: this.results, error });
    };
    if (error instanceof DatabaseError) connection.on('readyForQuery', settle).on('end', settle);
    else settle();
  }

  /** The answer to Describe for a statement without rows. pg does not pass it on. */
  private readonly onNoData = () => {
    this.preparing[this.describedCount++]!.columns = [];
  };

  private message(): Buffer {
    const parts: Buffer[] = [];
    for (const statement of this.statements) {
      const prepared = this.prepared.get(statement);
      const { name } = prepared;
      if (!prepared.isSent && !this.preparing.includes(prepared)) {
        this.preparing.push(prepared);
        parts.push(serialize.parse({ name, text: statement.text }), serialize.describe({ type: 'S', name }));
      }
      this.sent.push(prepared);
      parts.push(
        serialize.bind({ statement: name, values: statement.values, valueMapper: prepareValue }),
        serialize.execute(),
      );
    }
    parts.push(serialize.sync());
    return Buffer.concat(parts);
  }
}
