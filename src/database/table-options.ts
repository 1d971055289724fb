import type { ObjectLiteral, ObjectType } from 'typeorm';
import type { PageRequest } from '../core/page-request';
import type { Problem } from '../core/problem';
import type { Filter } from './filters';
import type { SortType } from './keyset';
import type { ColumnSql } from './statement-builder';

/** How a repository describes its table. */
export interface TableOptions<Query> {
  entity: ObjectType<ObjectLiteral>;
  /** Name of a row in error messages, such as "task". */
  name: string;
  /** The names of the fields that the API returns. */
  fields: string[];
  /** The SQL of fields that are not columns. It can use `:user_id` and `:session_id`. */
  derived?: ColumnSql;
  /** The column with the owner, if it is not `user_id`. */
  ownerColumn?: string;
  /** The columns that identify a row of an owner; by default `id`. */
  key?: string[];
  /** SQL condition for rows that can be found by their id. */
  isReachableSql?: string;
  /** Creates the problem to throw if a row is missing; by default a 404. */
  missing?: () => Problem;
  /** The conditions of query parameters. */
  filters: Required<Record<Exclude<keyof Query, keyof PageRequest>, Filter>>;
  /** The columns that lists can be sorted by. */
  sorts: Record<string, SortType>;
}
