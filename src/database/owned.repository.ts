import { JsonText } from '../core/json-text';
import { v7 as uuidv7 } from 'uuid';
import type { Row } from './database';
import type { Statement } from './statement';
import { asRawSql, Changes, TableRepository } from './table.repository';

/**
 * The only way to owned rows. It adds the owner to every statement, itself: what is another's is not there.
 */
export abstract class OwnedRepository<Query> extends TableRepository<Query> {
  /** @throws Problem 404 when a row that it refers to is missing or another's */
  async insert(values: Changes): Promise<JsonText> {
    const [rows = []] = await this.write(this.insertion({ id: uuidv7(), ...values }));
    return this.one(rows);
  }

  protected insertion(values: Changes): Statement {
    const { columns, parameters } = this.assignments(values);
    return this.statement('insert', columns, parameters, () =>
      this.dataSource
        .createQueryBuilder()
        .insert()
        .into(this.rows.entity)
        .values(asRawSql({ user_id: ':user_id', ...columns }))
        .returning(this.json),
    );
  }

  protected reach(): string {
    return `${this.rows.owner ?? `${this.table}.user_id`} = :user_id`;
  }

  protected read(...statements: Statement[]): Promise<Row[][]> {
    return this.database.read(...statements);
  }

  protected write(...statements: Statement[]): Promise<Row[][]> {
    return this.database.write(...statements);
  }
}
