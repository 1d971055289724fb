import { DataSource, EntityMetadata, ObjectLiteral, ObjectType, QueryBuilder } from 'typeorm';
import { currentUser } from '../core/request-context';
import { JsonPage, JsonText } from '../core/json-text';
import { notFound, Problem } from '../core/problem';
import { Database, Row } from './database';
import { Filter, momentOrEndOfDay } from './filters';
import { Keyset, PageRequest, SortColumn } from './keyset';
import { Fragment, Parameters, Statement, statement } from './statement';
import { isMoment, viewAsJson } from './view';

/** Characters after which a page ends, whatever its limit: so many wait in memory for a slow reader. */
const maxPage = 2_000_000;

/** What a repository says of its rows. */
export interface TableRows<Query> {
  entity: ObjectType<ObjectLiteral>;
  /** What messages call a row: "task". */
  name: string;
  /** What to throw when there is no row, where it is not a 404. */
  missing?: () => Problem;
  /** The class whose fields the API shows. */
  view: new () => object;
  /** The column that names the owner, where it is not `user_id`. */
  owner?: string;
  /** Fields of the view that are no columns: their SQL. It may use `:user_id` and `:session_id`. */
  derived?: Record<string, string>;
  /** The condition for a row that can be reached by its id. */
  live?: string;
  filters: Required<Record<Exclude<keyof Query, keyof PageRequest>, Filter>>;
  sorts: Record<string, SortColumn>;
}

/** New values of columns. */
export type Changes = Record<string, unknown>;

/** Among the changes, the SQL of a value that depends on the row. */
export class Expression {
  constructor(
    readonly sql: string,
    readonly parameters: Parameters = {},
  ) {}
}

/**
 * Reads and writes the rows of one table. Each method is one statement that does check and act, and answers the JSON
 * that the client gets. Its kinds say which rows can be reached at all, and by which way.
 */
export abstract class TableRepository<Query> {
  protected readonly table: string;
  protected readonly json: string;
  private readonly metadata: EntityMetadata;

  protected constructor(
    protected readonly database: Database,
    protected readonly dataSource: DataSource,
    protected readonly rows: TableRows<Query>,
  ) {
    this.metadata = dataSource.getMetadata(rows.entity);
    this.table = this.metadata.tableName;
    this.json = viewAsJson(this.metadata, rows.view, rows.derived);
  }

  /** The condition for the rows that there are. */
  protected abstract reach(): string;

  protected abstract read(...statements: Statement[]): Promise<Row[][]>;

  protected abstract write(...statements: Statement[]): Promise<Row[][]>;

  /** @param condition what it must be, to be found · @throws Problem 404 */
  async find(id: string, condition = this.rows.live): Promise<JsonText> {
    const [rows] = await this.read(this.selection(id, condition));
    return this.one(rows ?? []);
  }

  /** @throws Problem 404 for the row, or for a row that the changes refer to */
  async update(id: string, changes: Changes, condition = this.rows.live): Promise<JsonText> {
    if (isEmpty(changes)) return this.find(id);
    const [rows = []] = await this.write(this.alteration(id, changes, condition));
    return this.one(rows);
  }

  protected alteration(id: string, changes: Changes, condition = this.rows.live): Statement {
    const { columns, parameters } = this.assignments(changes);
    return this.statement(`update where ${condition}`, columns, { ...parameters, id }, () =>
      this.dataSource
        .createQueryBuilder()
        .update(this.rows.entity)
        .set(asRawSql(columns))
        .where(this.reached(`${this.table}.id = :id`, condition))
        .returning(this.json),
    );
  }

  /** All that the condition is true for. */
  protected async updateAll(changes: Changes, condition: string): Promise<void> {
    const { columns, parameters } = this.assignments(changes);
    const update = this.statement(`update all where ${condition}`, columns, parameters, () =>
      this.dataSource
        .createQueryBuilder()
        .update(this.rows.entity)
        .set(asRawSql(columns))
        .where(this.reached(condition)),
    );
    await this.write(update);
  }

  /** For ever. @throws Problem 404 */
  async remove(id: string): Promise<void> {
    const remove = this.statement('delete', {}, { id }, () =>
      this.dataSource
        .createQueryBuilder()
        .delete()
        .from(this.rows.entity)
        .where(this.reached(`${this.table}.id = :id`))
        .returning(`${this.table}.id`),
    );
    const [rows = []] = await this.write(remove);
    this.one(rows);
  }

  /** @throws Problem 422 for a cursor of another list */
  async page(query: Query & PageRequest): Promise<JsonPage> {
    const [rows, count] = await this.read(...this.pageStatements(query));
    return this.asPage(query, rows ?? [], count);
  }

  /**
   * The page of rows that hang on a row of another repository.
   * @param condition what that one must be, to be found · @throws Problem 404 when it is missing
   */
  async pageUnder(
    parent: TableRepository<never>,
    id: string,
    query: Query & PageRequest,
    condition = parent.rows.live,
  ): Promise<JsonPage> {
    const [found, rows, count] = await this.read(
      parent.selection(id, condition),
      ...this.pageStatements(query),
    );
    parent.one(found ?? []);
    return this.asPage(query, rows ?? [], count);
  }

  /** The statements of a page: its rows, with one more to see whether there is a next page, and the count if wanted. */
  private pageStatements(query: Query & PageRequest): Statement[] {
    const conditions = this.conditions(query);
    const keyset = this.keyset(query);
    const after = query.cursor ? [keyset.after(query.cursor)] : [];
    const statements = [this.selectPage([...conditions, ...after], keyset, query.limit + 1)];
    if (query.include === 'total') statements.push(this.count(conditions));
    return statements;
  }

  private asPage(query: Query & PageRequest, rows: Row[], count?: Row[]): JsonPage {
    const items = upTo(maxPage, rows.slice(0, query.limit) as [string][]);
    const last = items.at(-1);
    const cursor = rows.length > items.length && last !== undefined ? this.keyset(query).cursor(last) : null;
    return new JsonPage(items, cursor, count && Number(count[0]?.[0]));
  }

  protected selection(id: string, condition = this.rows.live): Statement {
    return this.statement(`select where ${condition}`, {}, { id }, () =>
      this.dataSource
        .createQueryBuilder(this.rows.entity, this.table)
        .select(this.json, 'json')
        .where(this.reached(`${this.table}.id = :id`, condition)),
    );
  }

  /** @throws Problem 404 when there is no row */
  protected one(rows: Row[]): JsonText {
    if (!rows[0]) throw this.rows.missing?.() ?? notFound(this.rows.name);
    return new JsonText(rows[0][0] as string);
  }

  private selectPage(conditions: Fragment[], keyset: Keyset, limit: number): Statement {
    const where = conditions.map(({ sql }) => sql);
    const order = keyset.order.map(({ sql, direction }) => `${sql} ${direction}`).join(', ');
    const parameters = Object.assign(
      { limit },
      ...conditions.map((condition) => condition.parameters),
    ) as Parameters;
    return this.statement(`page ${where.join(' AND ')} ORDER BY ${order}`, {}, parameters, () => {
      const query = this.dataSource
        .createQueryBuilder(this.rows.entity, this.table)
        .select(this.json, 'json')
        .where(this.reached(...where));
      for (const { sql, direction } of keyset.order) query.addOrderBy(sql, direction);
      return query;
    });
  }

  private count(conditions: Fragment[]): Statement {
    const where = conditions.map(({ sql }) => sql);
    const parameters = Object.assign(
      {},
      ...conditions.map((condition) => condition.parameters),
    ) as Parameters;
    return this.statement(`count ${where.join(' AND ')}`, {}, parameters, () =>
      this.dataSource
        .createQueryBuilder(this.rows.entity, this.table)
        .select('count(*)', 'total')
        .where(this.reached(...where)),
    );
  }

  private conditions(query: Query & PageRequest): Fragment[] {
    return Object.entries(this.rows.filters).flatMap(([name, filter]) => {
      const value = query[name as keyof typeof query];
      return value === undefined ? [] : [(filter as Filter)(name, value as never)];
    });
  }

  private keyset(query: Query & PageRequest): Keyset {
    const filters = Object.keys(this.rows.filters).map((name) => query[name as keyof typeof query] ?? null);
    return new Keyset(this.table, this.rows.sorts, query, filters);
  }

  protected statement(
    verb: string,
    columns: Record<string, string>,
    parameters: Parameters,
    build: () => QueryBuilder<ObjectLiteral>,
  ): Statement {
    // Not the table: two repositories may share one, and must not share statements.
    const shape = `${this.constructor.name} ${verb} ${JSON.stringify(columns)}`;
    return statement(shape, { ...parameters, ...currentUser() }, build);
  }

  private reached(...conditions: (string | undefined)[]): string {
    return [this.reach(), ...conditions.filter(Boolean)].join(' AND ');
  }

  /** The SQL of each new value. A plain date stands for its end, in the owner's time zone. */
  protected assignments(changes: Changes): { columns: Record<string, string>; parameters: Parameters } {
    const columns: Record<string, string> = {};
    const parameters: Parameters = {};
    // In one order, whatever the order in which a client names them: one statement for one set of columns.
    for (const [column, value] of Object.entries(changes).sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (value === undefined) continue;
      if (value instanceof Expression) {
        columns[column] = value.sql;
        Object.assign(parameters, value.parameters);
      } else {
        const isTime = typeof value === 'string' && isMoment(this.metadata, column);
        columns[column] = isTime ? momentOrEndOfDay(column, value) : `:${column}`;
        parameters[column] = value;
      }
    }
    return { columns, parameters };
  }
}

/** Whether nothing is to be changed. */
export function isEmpty(changes: object): boolean {
  return Object.values(changes).every((value) => value === undefined);
}

/** As many rows, but at least one, as have so many characters together. */
function upTo(size: number, rows: [string][]): string[] {
  const items: string[] = [];
  for (const [json] of rows) {
    size -= json.length;
    if (size < 0 && items.length > 0) break;
    items.push(json);
  }
  return items;
}

export function asRawSql(columns: Record<string, string>): Record<string, () => string> {
  return Object.fromEntries(Object.entries(columns).map(([column, sql]) => [column, () => sql]));
}
