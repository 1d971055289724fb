import type { EntityMetadata } from 'typeorm';
import { viewColumns } from '../http/fields';

/**
 * SQL that writes a row as the JSON object that the API shows: the fields of the view's class and no others, with
 * times as RFC 3339 in UTC to the millisecond.
 * @param derived the SQL of the fields that are no columns
 */
export function viewAsJson(
  entity: EntityMetadata,
  view: new () => object,
  derived: Record<string, string> = {},
): string {
  const fields = viewColumns(view).map((field) => {
    const column = `${entity.tableName}.${field}`;
    return `${derived[field] ?? (isMoment(entity, field) ? momentAsText(column) : column)} AS ${field}`;
  });
  return `(SELECT row_to_json(shown) FROM (SELECT ${fields.join(', ')}) shown)::text`;
}

/**
 * SQL of a JSON object that says how many rows have each value, also where none has.
 * @param rows the name of a table expression
 * @param values SQL of a set of all values there are
 */
export function countsBy(rows: string, column: string, values: string): string {
  return `(
    SELECT json_object_agg(value, (SELECT count(*) FROM ${rows} WHERE ${rows}.${column} = value)) FROM ${values} value
  )`;
}

export function isMoment(entity: EntityMetadata, field: string): boolean {
  return entity.findColumnWithPropertyName(field)?.type === 'timestamp with time zone';
}

/** SQL of a time as RFC 3339 in UTC, to the millisecond. */
export function momentAsText(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
