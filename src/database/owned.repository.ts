import { v7 as uuidv7 } from 'uuid';
import { JsonText } from '../core/json-text';
import type { Results, Statements } from './database';
import type { Statement } from './statement';
import type { JsonRow } from './statement-builder';
import { ColumnValues, TableRepository } from './table.repository';

/** All access to owned rows. It adds the owner to every statement, so that other users' rows are not found. */
export abstract class OwnedRepository<Query> extends TableRepository<Query> {
  /**
   * @param values the client may have chosen the `id`
   * @throws Problem 404 if the new row refers to a row that is missing or belongs to another user · Problem 409 `id_taken`
   */
  async insert(values: ColumnValues): Promise<JsonText> {
    const { rows } = await this.write({
      rows: this.insertStatement({ ...values, id: values.id ?? uuidv7() }),
    });
    return this.single(rows);
  }

  protected insertStatement(values: ColumnValues): Statement<JsonRow> {
    const { columns, parameters } = this.assignments(values);
    return this.statements.insert({ user_id: ':user_id', ...columns }, this.parameters(parameters));
  }

  protected accessConditionSql(): string {
    return `${this.options.ownerColumn ?? `${this.table}.user_id`} = :user_id`;
  }

  protected read<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.database.read(statements);
  }

  protected write<S extends Statements>(statements: S): Promise<Results<S>> {
    return this.database.write(statements);
  }
}
