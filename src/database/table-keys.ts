import type { DataSource } from 'typeorm';

/** The keys of a table. */
export interface TableKeys {
  name: string;
  primaryKey: string[];
  /** Whether its rows have an id and a version that clients can require. */
  isVersioned: boolean;
  /** Foreign keys to the same table: the referring columns and the columns that they refer to. */
  selfReferences: { columns: string[]; referencedColumns: string[] }[];
}

/** The tables in the order of the entity list, in which parents come before their children. */
export function tableKeysOf(dataSource: DataSource): TableKeys[] {
  const entities = dataSource.options.entities as Parameters<DataSource['getMetadata']>[0][];
  return entities.map((entity) => {
    const { tableName, primaryColumns, foreignKeys, columns } = dataSource.getMetadata(entity);
    const names = columns.map(({ databaseName }) => databaseName);
    return {
      name: tableName,
      primaryKey: primaryColumns.map(({ databaseName }) => databaseName),
      isVersioned: names.includes('id') && (names.includes('version') || tableName === 'users'),
      selfReferences: foreignKeys
        .filter(({ referencedEntityMetadata }) => referencedEntityMetadata.tableName === tableName)
        .map(({ columnNames, referencedColumnNames }) => ({
          columns: columnNames,
          referencedColumns: referencedColumnNames,
        })),
    };
  });
}
