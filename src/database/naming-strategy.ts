import { DefaultNamingStrategy, Table } from 'typeorm';

/** Names constraints like PostgreSQL does by default, so that errors and dumps are readable. */
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
