import type { EntityMetadata } from 'typeorm';
import type { ColumnSql } from './statement-builder';

/**
 * SQL of a row as the JSON object that the API returns. Timestamps are in RFC 3339, UTC, with milliseconds.
 * @param fields the names of the members in order
 * @param derived the SQL of fields that are not columns
 */
export function rowAsJsonSql(entity: EntityMetadata, fields: string[], derived: ColumnSql = {}): string {
  const members = fields.map((field) => {
    const column = `${entity.tableName}.${field}`;
    const value = derived[field] ?? (isTimestampColumn(entity, field) ? timestampAsTextSql(column) : column);
    return `${value} AS ${field}`;
  });
  return `(SELECT row_to_json(shown) FROM (SELECT ${members.join(', ')}) shown)::text`;
}

/**
 * SQL of the approximate size of a row: the bytes of the columns that can be large. PostgreSQL stores the length of a text
 * beside it, so that the text is not read. Of jsonb, only the compressed size is stored: `||` decompresses it.
 * @param fields the names of the members of its JSON
 */
export function rowBytesSql(entity: EntityMetadata, fields: string[]): string {
  const sizes = fields.flatMap((field) => {
    const { type, isArray } = entity.findColumnWithPropertyName(field) ?? {};
    const column = `${entity.tableName}.${field}`;
    if (type === 'jsonb') return [`coalesce(pg_column_size(${column} || '{}'), 0)`];
    return type === 'text' && !isArray ? [`coalesce(octet_length(${column}), 0)`] : [];
  });
  return sizes.join(' + ') || '0';
}

/**
 * SQL of a JSON object that counts rows by a column, with 0 for values without rows.
 * @param rows the name of a table expression
 * @param valuesSql the call of a function that returns all values, in the order of the members
 */
export function countsBySql(rows: string, column: string, valuesSql: string): string {
  return `(
    SELECT json_object_agg(value, coalesce(count, 0) ORDER BY position)
    FROM ${valuesSql} WITH ORDINALITY AS all_values (value, position)
    LEFT JOIN (SELECT ${column} AS value, count(*) FROM ${rows} GROUP BY 1) counts USING (value)
  )`;
}

/**
 * SQL of a JSON object that counts rows by the values that occur in a column, most frequent first. `none` counts nulls.
 * @param rows the name of a table expression
 */
export function countsByOccurringValueSql(rows: string, column: string): string {
  return `(
    SELECT coalesce(json_object_agg(value, count ORDER BY count DESC, value), '{}')
    FROM (SELECT coalesce(${column}, 'none') AS value, count(*) FROM ${rows} GROUP BY 1) counts
  )`;
}

export function isTimestampColumn(entity: EntityMetadata, column: string): boolean {
  return entity.findColumnWithPropertyName(column)?.type === 'timestamp with time zone';
}

/** SQL of a timestamp in RFC 3339, UTC, with milliseconds. */
export function timestampAsTextSql(columnSql: string): string {
  return `to_char(${columnSql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
