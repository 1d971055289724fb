import { DataSource, ObjectLiteral, ObjectType, QueryBuilder } from 'typeorm';
import { Parameters, Statement, StatementCache } from './statement';

/** SQL expressions by column name. */
export type ColumnSql = Record<string, string>;

export interface Order {
  sql: string;
  direction: 'ASC' | 'DESC';
}

/**
 * Builds simple statements on one table. The arguments are SQL with `:named` parameters. TypeORM generates the text once
 * for each combination of arguments, which is the key of the cache.
 */
export class StatementBuilder {
  readonly table: string;
  private readonly cache = new StatementCache(300);

  constructor(
    private readonly dataSource: DataSource,
    private readonly entity: ObjectType<ObjectLiteral>,
  ) {
    this.table = dataSource.getMetadata(entity).tableName;
  }

  /** @param parameters if they contain `limit`, it limits the number of rows */
  select<Row>(columns: ColumnSql, where: string, parameters: Parameters, order?: Order[]): Statement<Row> {
    return this.build('SELECT', [columns, where, order], parameters, () => {
      const query = this.dataSource.createQueryBuilder(this.entity, this.table).select([]).where(where);
      for (const [name, columnSql] of Object.entries(columns)) query.addSelect(columnSql, name);
      for (const { sql, direction } of order ?? []) query.addOrderBy(sql, direction);
      return query;
    });
  }

  insert<Row>(values: ColumnSql, returning: string, parameters: Parameters): Statement<Row> {
    return this.build('INSERT', [values, returning], parameters, () =>
      this.dataSource
        .createQueryBuilder()
        .insert()
        .into(this.entity)
        .values(asRawSql(values))
        .returning(returning),
    );
  }

  update<Row>(values: ColumnSql, where: string, returning: string, parameters: Parameters): Statement<Row> {
    return this.build('UPDATE', [values, where, returning], parameters, () =>
      this.dataSource
        .createQueryBuilder()
        .update(this.entity)
        .set(asRawSql(values))
        .where(where)
        .returning(returning),
    );
  }

  delete<Row>(where: string, returning: string, parameters: Parameters): Statement<Row> {
    return this.build('DELETE', [where, returning], parameters, () =>
      this.dataSource.createQueryBuilder().delete().from(this.entity).where(where).returning(returning),
    );
  }

  private build<Row>(
    command: string,
    parts: unknown[],
    parameters: Parameters,
    build: () => QueryBuilder<ObjectLiteral>,
  ): Statement<Row> {
    return this.cache.get<Row>(command + JSON.stringify(parts), parameters, () => {
      // With the name of each parameter as its value, the returned values are the names in their order.
      const names = Object.fromEntries(Object.keys(parameters).map((name) => [name, name]));
      const [text, order] = build().setParameters(names).getQueryAndParameters() as [string, string[]];
      if (!('limit' in parameters)) return [text, order];
      // TypeORM would write the number into the SQL, and each limit would be a different statement.
      return [`${text} LIMIT $${order.length + 1}`, [...order, 'limit']];
    });
  }
}

function asRawSql(values: ColumnSql): Record<string, () => string> {
  return Object.fromEntries(Object.entries(values).map(([column, sql]) => [column, () => sql]));
}
