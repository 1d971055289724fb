import { DefaultNamingStrategy, Table } from 'typeorm';

/** Names constraints as PostgreSQL itself would, so that errors and dumps can be read. */
export class NamingStrategy extends DefaultNamingStrategy {
  override primaryKeyName(table: Table | string): string {
    return `${tableName(table)}_pkey`;
  }

  override foreignKeyName(table: Table | string, columns: string[]): string {
    const columnName = columns.find((column) => column !== 'user_id') ?? 'user_id';
    return `${tableName(table)}_${columnName}_fkey`;
  }
}

function tableName(table: Table | string): string {
  return (typeof table === 'string' ? table : table.name).replace(/^.*\./, '');
}
