import { DataSource, ObjectLiteral, ObjectType, QueryBuilder } from 'typeorm';
import { Parameters, Statement, StatementCache } from './statement';

/** SQL expressions by column name. */
export type ColumnSql = Record<string, string>;

export interface Order {
  column: string;
  /** The SQL that the rows are ordered by: of the column, or of its replacement if it is null. */
  sql: string;
  direction: 'ASC' | 'DESC';
}

/** A row as the JSON that the API returns. */
export interface JsonRow {
  json: string;
}

/** A row of a list. The JSON is null if the rows before it are too large already. */
export interface ListRow {
  json: string | null;
  /** The columns of the order as JSON, if the row's JSON does not have all of them. */
  key?: string;
}

/** Maximum size of a list in bytes, not counting the row that exceeds it. */
const maxListBytes = 1_000_000;

/** The same for rows by their ids, of which a response can contain several groups. */
const maxBytesByIds = 500_000;

/** Lists of so few rows are hardly ever too large: a row has at most two long texts, or their old and new values. */
const maxUncutRows = 20;

/**
 * Builds simple statements on one table. The arguments are SQL with `:named` parameters. TypeORM generates the text once
 * for each combination of arguments, which is the key of the cache.
 */
export class StatementBuilder {
  private readonly table: string;
  private readonly cache = new StatementCache(300);

  /**
   * @param fields all fields of the JSON of a row
   * @param jsonSql returns the SQL of a row as JSON with these fields
   * @param bytesSql returns the SQL of the approximate size of this JSON
   */
  constructor(
    private readonly dataSource: DataSource,
    private readonly entity: ObjectType<ObjectLiteral>,
    private readonly fields: string[],
    private readonly jsonSql: (fields: string[]) => string,
    private readonly bytesSql: (fields: string[]) => string,
  ) {
    this.table = dataSource.getMetadata(entity).tableName;
  }

  /** @param fields the fields of the JSON; by default all */
  select(where: string, parameters: Parameters, fields = this.fields): Statement<JsonRow> {
    return this.build(['SELECT', where, ...fields], parameters, () =>
      this.query().select(this.jsonSql(fields), 'json').where(where),
    );
  }

  /**
   * The JSON is null for rows after those that are too large together. They are read, but not converted and not sent.
   * @param fields the fields of the JSON; by default all
   */
  list(
    where: string,
    parameters: Parameters & { limit: number },
    order: Order[],
    fields = this.fields,
  ): Statement<ListRow> {
    const isCut = parameters.limit > maxUncutRows + 1;
    const hasKey = order.some(({ column }) => !fields.includes(column));
    const orderSql = order.map(({ sql, direction }) => `${sql} ${direction}`).join(', ');
    return this.build(
      [isCut ? 'LIST CUT' : 'LIST', where, orderSql, ...fields],
      parameters,
      () => {
        const json = isCut ? this.cutJsonSql(orderSql, maxListBytes, fields) : this.jsonSql(fields);
        const query = this.query().select(json, 'json').where(where);
        if (hasKey) query.addSelect(this.jsonSql(order.map(({ column }) => column)), 'key');
        for (const { sql, direction } of order) query.addOrderBy(sql, direction);
        return query;
      },
      isCut ? (sql) => cutAgainSql(sql, maxListBytes, hasKey ? 'key, ' : '') : undefined,
    );
  }

  /** The rows with the ids in the parameter `:ids`, in this order. The JSON is null as in `list`. */
  selectByIds(
    where: string,
    parameters: Parameters & { ids: string[] },
  ): Statement<ListRow & { id: string }> {
    const positionSql = `array_position(:ids::uuid[], ${this.table}.id)`;
    return this.build(
      ['SELECT BY IDS', where],
      parameters,
      () =>
        this.query()
          .select(`${this.table}.id`, 'id')
          .addSelect(this.cutJsonSql(positionSql, maxBytesByIds), 'json')
          .where(`${this.table}.id = ANY(:ids) AND ${where}`)
          .orderBy(positionSql),
      (sql) => cutAgainSql(sql, maxBytesByIds, 'id, '),
    );
  }

  count(where: string, parameters: Parameters): Statement<{ total: string }> {
    return this.build(['SELECT count', where], parameters, () =>
      this.query().select('count(*)', 'total').where(where),
    );
  }

  insert(values: ColumnSql, parameters: Parameters): Statement<JsonRow> {
    return this.build(['INSERT', ...Object.entries(values).flat()], parameters, () =>
      this.dataSource
        .createQueryBuilder()
        .insert()
        .into(this.entity)
        .values(asRawSql(values))
        .returning(this.returningSql),
    );
  }

  update(values: ColumnSql, where: string, parameters: Parameters): Statement<JsonRow> {
    return this.build(['UPDATE', where, ...Object.entries(values).flat()], parameters, () =>
      this.dataSource
        .createQueryBuilder()
        .update(this.entity)
        .set(asRawSql(values))
        .where(where)
        .returning(this.returningSql),
    );
  }

  /** Returns the deleted rows. */
  delete(where: string, parameters: Parameters): Statement<{ deleted: number }> {
    return this.build(['DELETE', where], parameters, () =>
      this.dataSource.createQueryBuilder().delete().from(this.entity).where(where).returning('1 AS deleted'),
    );
  }

  /** For RETURNING: the row as `json`. */
  get returningSql(): string {
    return `${this.jsonSql(this.fields)} AS json`;
  }

  /** The window has the order of the list, so that the index of the list provides it too. */
  private cutJsonSql(orderSql: string, maxBytes: number, fields = this.fields): string {
    const bytesBeforeSql = `sum(${this.bytesSql(fields)}) OVER (ORDER BY ${orderSql} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`;
    return `CASE WHEN coalesce(${bytesBeforeSql}, 0) < ${maxBytes} THEN ${this.jsonSql(fields)} END`;
  }

  private query() {
    return this.dataSource.createQueryBuilder(this.entity, this.table);
  }

  /** @param key the SQL that the caller has given · @param wrap changes the final SQL */
  private build<Row>(
    key: string[],
    parameters: Parameters,
    build: () => QueryBuilder<ObjectLiteral>,
    wrap = (sql: string) => sql,
  ): Statement<Row> {
    return this.cache.get<Row>(key.join('\n'), parameters, () => {
      // With the name of each parameter as its value, the returned values are the names in their order.
      const names = Object.fromEntries(Object.keys(parameters).map((name) => [name, name]));
      const [text, order] = build().setParameters(names).getQueryAndParameters() as [string, string[]];
      if (!('limit' in parameters)) return [wrap(text), order];
      // TypeORM would write the number into the SQL, and each limit would be a different statement.
      return [wrap(`${text} LIMIT $${order.length + 1}`), [...order, 'limit']];
    });
  }
}

/**
 * Cuts the rows again, by the length of their JSON: escaping can make a text six times as long.
 * PostgreSQL computes a window without order in the order of its input, and returns the rows in this order.
 * @param otherColumns of the result, each before a comma
 */
function cutAgainSql(listSql: string, maxBytes: number, otherColumns = ''): string {
  const lengthBeforeSql = 'sum(length(json)) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)';
  return `SELECT ${otherColumns}CASE WHEN coalesce(${lengthBeforeSql}, 0) < ${maxBytes} THEN json END AS json
    FROM (${listSql}) page`;
}

function asRawSql(values: ColumnSql): Record<string, () => string> {
  return Object.fromEntries(Object.entries(values).map(([column, sql]) => [column, () => sql]));
}
