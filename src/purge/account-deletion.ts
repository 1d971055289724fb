import type { DataSource, EntityMetadata } from 'typeorm';
import type { Database } from '../database/database';
import { sql, Statement } from '../database/statement';
import { setFlag } from '../database/transaction-flags';

/** Rows per transaction. */
const batchSize = 1000;

/**
 * Deletes accounts with everything they own, in transactions of limited size. It can be interrupted after each of them and
 * continues with the next run.
 */
export class AccountDeletion {
  constructor(
    private readonly database: Database,
    private readonly dataSource: DataSource,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Does nothing if the deletion of the account is not due.
   * @param isDueSql SQL condition on `users`, with the parameter `:days`
   * @returns whether the account was deleted
   */
  async delete(userId: string, isDueSql: string, days: number): Promise<boolean> {
    if (!(await this.begin(userId, isDueSql, days))) return false;
    for (const table of await this.tables()) {
      const deletion = deleteBatch(table, userId);
      const deleteSome = async () => {
        const { deleted } = await this.database.write({
          setFlag: setFlag('deleting_account', 'true'),
          deleted: deletion,
        });
        return deleted.length;
      };
      while ((await this.database.actAs(userId, deleteSome)) > 0) {
        if (this.signal.aborted) return false;
      }
    }
    // The remaining rows are few: the database deletes them with the account.
    const text = 'DELETE FROM users WHERE id = :id AND deletion_at <= now() RETURNING id';
    const { deleted } = await this.database.asPurger({ deleted: sql(text, { id: userId }) });
    return deleted.length === 1;
  }

  /** From here on, the account cannot be reopened, and its personal data is erased. */
  private async begin(id: string, isDueSql: string, days: number): Promise<boolean> {
    const text = `UPDATE users SET deletion_at = least(deletion_at, now()) WHERE id = :id AND ${isDueSql} RETURNING id`;
    const { begun } = await this.database.asPurger({ begun: sql(text, { id, days }) });
    return begun.length === 1;
  }

  /** The tables whose rows users can delete, children before their parents. */
  private async tables(): Promise<EntityMetadata[]> {
    const text = `SELECT relname AS name FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege('cairn_app', oid, 'DELETE')`;
    const { rows } = await this.database.asPurger({ rows: sql<{ name: string }>(text) });
    const names = new Set(rows.map(({ name }) => name));
    const entities = this.dataSource.options.entities as unknown[];
    const metadatas = entities.map((entity) => this.dataSource.getMetadata(entity as never));
    return metadatas.filter(({ tableName }) => names.has(tableName)).reverse();
  }
}

/** Rows that refer to their own table are deleted before the rows that they refer to: a cascade could delete too many. */
function deleteBatch({ tableName, primaryColumns, foreignKeys }: EntityMetadata, userId: string): Statement {
  const keySql = primaryColumns.map(({ databaseName }) => `t.${databaseName}`).join(', ');
  const hasNoChildrenSql = foreignKeys
    .filter(({ referencedTablePath }) => referencedTablePath === tableName)
    .map(({ columnNames, referencedColumnNames }) => {
      const isChildSql = columnNames.map(
        (column, index) => `c.${column} = t.${referencedColumnNames[index]}`,
      );
      return ` AND NOT EXISTS (SELECT FROM ${tableName} c WHERE ${isChildSql.join(' AND ')})`;
    });
  const text = `DELETE FROM ${tableName} t
    WHERE t.user_id = :user_id AND t.ctid = ANY (ARRAY(
      SELECT t.ctid FROM ${tableName} t WHERE t.user_id = :user_id${hasNoChildrenSql.join('')}
      ORDER BY ${keySql.replaceAll(',', ' DESC,')} DESC LIMIT ${batchSize}
    )) AND EXISTS (SELECT FROM users WHERE id = :user_id AND deletion_at <= now())
    RETURNING 1 AS deleted`;
  return sql(text, { user_id: userId });
}
