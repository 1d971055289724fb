import { DataSource, EntityMetadata } from 'typeorm';
import { JsonPage, JsonText } from '../core/json-text';
import type { PageRequest } from '../core/page-request';
import { notFound } from '../core/problem';
import { currentUser } from '../core/request-context';
import { Database, Results, Statements } from './database';
import { Filter, timestampOrEndOfDaySql } from './filters';
import { Keyset } from './keyset';
import { isTimestampColumn, rowAsJsonSql, rowBytesSql } from './row-json';
import { Fragment, Parameters, sql, Statement } from './statement';
import { ColumnSql, JsonRow, ListRow, StatementBuilder } from './statement-builder';
import type { TableOptions } from './table-options';

/** Maximum length of a page in characters. The page stays in memory until the client has received it. */
const maxPageLength = 1_000_000;

/** New values by column; undefined for columns that keep their value. */
export type ColumnValues = Record<string, unknown>;

/** The SQL of a new value that depends on the row. */
export class SqlValue {
  constructor(
    readonly sql: string,
    readonly parameters: Parameters = {},
  ) {}
}

/**
 * Reads and writes the rows of one table. Each method sends one statement, which also checks its preconditions, and
 * returns the JSON for the client. Subclasses define which rows can be reached, and the database role.
 */
export abstract class TableRepository<Query> {
  /** The position in the list of entities, in which parents come before their children. */
  readonly position: number;
  readonly table: string;
  protected readonly statements: StatementBuilder;
  private readonly metadata: EntityMetadata;

  protected constructor(
    protected readonly database: Database,
    dataSource: DataSource,
    protected readonly options: TableOptions<Query>,
  ) {
    this.metadata = dataSource.getMetadata(options.entity);
    this.position = (dataSource.options.entities as unknown[]).indexOf(options.entity);
    this.table = this.metadata.tableName;
    this.statements = new StatementBuilder(
      dataSource,
      options.entity,
      options.fields,
      (fields) => rowAsJsonSql(this.metadata, fields, options.derived),
      (fields) => rowBytesSql(this.metadata, fields),
    );
    database.addReader(this.table, (id) => this.find(id, { conditionSql: 'true' }));
  }

  /** SQL condition for all rows that the caller can reach. */
  protected abstract accessConditionSql(): string;

  protected abstract read<S extends Statements>(statements: S): Promise<Results<S>>;

  protected abstract write<S extends Statements>(statements: S): Promise<Results<S>>;

  /**
   * @param options.fields the fields of the JSON; by default all
   * @param options.conditionSql SQL condition for rows that can be found
   * @throws Problem 404
   */
  async find(id: string, options: { fields?: string[]; conditionSql?: string } = {}): Promise<JsonText> {
    const { rows } = await this.read({ rows: this.selection(id, options.conditionSql, options.fields) });
    return this.single(rows);
  }

  /** The rows with these ids that exist, by their ids, as many of the first ones as one response can have. */
  async findAll(ids: string[]): Promise<Map<string, JsonText>> {
    const parameters = { ...this.parameters({}), ids };
    const { rows } = await this.read({ rows: this.statements.selectByIds(this.where(), parameters) });
    return new Map(rows.flatMap(({ id, json }) => (json === null ? [] : [[id, new JsonText(json)]])));
  }

  /** @throws Problem 404 for the row, or for a row that the new values refer to */
  async update(id: string, values: ColumnValues): Promise<JsonText> {
    if (isEmpty(values)) return this.find(id);
    const { rows } = await this.write({ rows: this.updateStatement(id, values) });
    return this.single(rows);
  }

  /** Deletes permanently. @throws Problem 404 */
  async delete(id: string): Promise<void> {
    const { rows } = await this.write({ rows: this.deleteStatement(id) });
    this.requireRow(rows);
  }

  /** @throws Problem 422 for a cursor of another list */
  async page(query: Query & PageRequest): Promise<JsonPage> {
    const keyset = this.keyset(query);
    return this.toPage(query, keyset, await this.read(this.pageStatements(query, keyset)));
  }

  /**
   * A page of rows that belong to a row of another repository.
   * @param conditionSql SQL condition for parents that can be found · @throws Problem 404 if the parent is missing
   */
  async pageOfParent(
    parent: TableRepository<never>,
    parentId: string,
    query: Query & PageRequest,
    conditionSql = parent.options.isReachableSql,
  ): Promise<JsonPage> {
    const keyset = this.keyset(query);
    const { parents, ...results } = await this.read({
      ...this.pageStatements(query, keyset),
      parents: parent.selection(parentId, conditionSql),
    });
    parent.requireRow(parents);
    return this.toPage(query, keyset, results);
  }

  protected selection(
    id: string,
    conditionSql = this.options.isReachableSql,
    fields?: string[],
  ): Statement<JsonRow> {
    const where = this.where(`${this.table}.id = :id`, conditionSql);
    return this.statements.select(where, this.parameters({ id }), fields);
  }

  protected updateStatement(
    id: string,
    values: ColumnValues,
    conditionSql = this.options.isReachableSql,
  ): Statement<JsonRow> {
    const { columns, parameters } = this.assignments(values);
    const where = this.where(`${this.table}.id = :id`, conditionSql);
    return this.statements.update(columns, where, this.parameters({ ...parameters, id }));
  }

  protected deleteStatement(id: string): Statement {
    const where = this.where(`${this.table}.id = :id`);
    return this.statements.delete(where, this.parameters({ id }));
  }

  /** A hand-written statement, with the parameters `:user_id` and `:session_id` of the current user. */
  protected sql<Row>(text: string, parameters: Parameters = {}): Statement<Row> {
    return sql<Row>(text, this.parameters(parameters));
  }

  /** @throws Problem 404 if there is no row */
  protected single(rows: JsonRow[]): JsonText {
    return new JsonText(this.requireRow(rows).json);
  }

  /** @throws Problem 404 if there is no row */
  protected requireRow<Row>([row]: Row[]): Row {
    if (row === undefined) throw this.options.missing?.() ?? notFound(this.options.name);
    return row;
  }

  /** The SQL of each new value. A plain date means the end of that day in the user's time zone. */
  protected assignments(values: ColumnValues): { columns: ColumnSql; parameters: Parameters } {
    const columns: ColumnSql = {};
    const parameters: Parameters = {};
    // Sorted, so that the statement does not depend on the order in which a client names the columns.
    for (const [column, value] of Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (value === undefined) continue;
      if (value instanceof SqlValue) {
        columns[column] = value.sql;
        Object.assign(parameters, value.parameters);
      } else {
        const isTimestamp = typeof value === 'string' && isTimestampColumn(this.metadata, column);
        columns[column] = isTimestamp ? timestampOrEndOfDaySql(column, value) : `:${column}`;
        parameters[column] = value;
      }
    }
    return { columns, parameters };
  }

  protected where(...conditions: (string | undefined)[]): string {
    return [this.accessConditionSql(), ...conditions.filter(Boolean)].join(' AND ');
  }

  /** Selects one row more than the page has, to find out whether there is a next page. */
  private pageStatements(query: Query & PageRequest, keyset: Keyset) {
    const filters = this.filterFragments(query);
    const fragments = query.cursor ? [...filters, keyset.after(query.cursor)] : filters;
    const parameters = { ...this.parametersOf(fragments), limit: query.limit + 1 };
    return {
      rows: this.statements.list(
        this.where(...fragments.map((fragment) => fragment.sql)),
        parameters,
        keyset.order,
        query.fields,
      ),
      totals: query.include === 'total' ? this.countStatement(filters) : undefined,
    };
  }

  private countStatement(filters: Fragment[]): Statement<{ total: string }> {
    const where = this.where(...filters.map((filter) => filter.sql));
    return this.statements.count(where, this.parametersOf(filters));
  }

  private toPage(
    query: PageRequest,
    keyset: Keyset,
    { rows, totals }: { rows: ListRow[]; totals: { total: string }[] },
  ): JsonPage {
    const items = takeUpTo(maxPageLength, rows.slice(0, query.limit));
    const lastItem = items.at(-1);
    const hasMore = rows.length > items.length && lastItem !== undefined;
    const cursor = hasMore ? keyset.cursorOf(rows[items.length - 1]!.key ?? lastItem) : null;
    return new JsonPage(items, cursor, totals[0] && Number(totals[0].total));
  }

  /** The conditions of the filters of a list. */
  protected filterFragments(query: Query & PageRequest): Fragment[] {
    return Object.entries(this.options.filters).flatMap(([name, filter]) => {
      const value = query[name as keyof typeof query];
      return value === undefined ? [] : [(filter as Filter)(name, value as never)];
    });
  }

  private keyset(query: Query & PageRequest): Keyset {
    const { filters, sorts, key = ['id'], derived } = this.options;
    const values = Object.keys(filters).map((name) => query[name as keyof typeof query] ?? null);
    return new Keyset(this.table, sorts, key, query, values, derived);
  }

  protected parametersOf(fragments: Fragment[]): Parameters {
    return this.parameters(
      Object.assign({}, ...fragments.map((fragment) => fragment.parameters)) as Parameters,
    );
  }

  /** Adds the current user to the parameters of a statement. */
  protected parameters(parameters: Parameters): Parameters {
    const { userId, sessionId } = currentUser();
    return { ...parameters, user_id: userId, session_id: sessionId };
  }
}

/** Whether all values are undefined. */
export function isEmpty(values: object): boolean {
  return Object.values(values).every((value) => value === undefined);
}

/** The first rows that have JSON, up to a total number of characters, but at least one row. */
function takeUpTo(maxLength: number, rows: ListRow[]): string[] {
  const items: string[] = [];
  let length = 0;
  for (const { json } of rows) {
    if (json === null) break;
    length += json.length;
    if (length > maxLength && items.length > 0) break;
    items.push(json);
  }
  return items;
}
