import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { JsonPage } from '../core/json-text';
import type { PageRequest } from '../core/page-request';
import { Database } from '../database/database';
import { anyOf } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import { isTimestampColumn, timestampAsTextSql } from '../database/row-json';
import type { TableRepository } from '../database/table.repository';
import { Exported } from '../export/exported.decorator';
import { fieldsOf } from '../http/views';
import { ChangeView } from './change.dto';
import { Change } from './change.entity';
import { HistoryQuery } from './history-query.dto';

type LastChange = Pick<Change, 'operation' | 'fields' | 'version'> & {
  /** Whether the changed fields of the row still have the values that the change gave them. */
  is_current: boolean;
};

@Exported({ name: 'history', view: ChangeView, description: 'All recorded changes, oldest first.' })
@Injectable()
export class ChangesRepository extends OwnedRepository<PageRequest & { entity_id?: string[] }> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Change,
      name: 'change',
      fields: fieldsOf(ChangeView),
      derived: { fields: changedFieldsSql(dataSource) },
      filters: { entity_id: anyOf('changes.entity_id') },
      sorts: { id: 'integer' },
    });
  }

  /**
   * The changes of a task or goal, newest first, also of one in the trash.
   * @throws Problem 404 if the task or goal is missing
   */
  listOf(parent: TableRepository<never>, id: string, query: HistoryQuery): Promise<JsonPage> {
    const sort = [{ column: 'id', descending: true }];
    return this.pageOfParent(parent, id, { ...query, sort, entity_id: [id] }, 'true');
  }

  /** The last change of a row. @returns undefined if it has no history */
  async lastOf({ table }: TableRepository<never>, id: string): Promise<LastChange | undefined> {
    const text = `SELECT c.operation, c.fields, c.version, coalesce(
        (SELECT bool_and(to_jsonb(t) -> f.key = f.value -> 'new') FROM jsonb_each(c.fields) f), true) AS is_current
      FROM changes c JOIN ${table} t ON t.user_id = c.user_id AND t.id = c.entity_id
      WHERE c.user_id = :user_id AND c.entity_id = :id ORDER BY c.id DESC LIMIT 1`;
    const { rows } = await this.read({ rows: this.sql<LastChange>(text, { id }) });
    return rows[0];
  }
}

/** SQL of the changed fields, with timestamps in the format of the API: RFC 3339, UTC, with milliseconds. */
function changedFieldsSql(dataSource: DataSource): string {
  const names = dataSource.entityMetadatas.flatMap((entity) =>
    entity.columns
      .map(({ propertyName }) => propertyName)
      .filter((column) => isTimestampColumn(entity, column)),
  );
  const timestampNamesSql = [...new Set(names)].map((name) => `'${name}'`).join(', ');
  const timestampSql = (which: 'old' | 'new') => timestampAsTextSql(`(f.value ->> '${which}')::timestamptz`);
  return `(
    SELECT coalesce(json_object_agg(f.key, CASE WHEN f.key IN (${timestampNamesSql})
      THEN json_build_object('old', ${timestampSql('old')}, 'new', ${timestampSql('new')}) ELSE f.value::json END), '{}')
    FROM jsonb_each(changes.fields) f)`;
}
