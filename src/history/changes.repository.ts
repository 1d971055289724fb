import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Database } from '../database/database';
import { anyOf } from '../database/filters';
import { OwnedRepository } from '../database/owned.repository';
import type { PageRequest } from '../database/keyset';
import { sql } from '../database/statement';
import { isMoment, momentAsText } from '../database/view';
import { Goal } from '../goals/goal.entity';
import { currentUser } from '../core/request-context';
import { Task } from '../tasks/task.entity';
import { ChangeView } from './change.dto';
import { Change } from './change.entity';

/** The last change of a task. */
export interface LastChange {
  operation: Change['operation'];
  fields: Change['fields'];
  /** The version that it made. */
  version: number;
}

@Injectable()
export class ChangesRepository extends OwnedRepository<PageRequest & { entity_id?: string[] }> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Change,
      name: 'change',
      view: ChangeView,
      derived: { fields: fieldsAsJson(dataSource) },
      filters: { entity_id: anyOf('changes.entity_id') },
      sorts: { id: 'integer' },
    });
  }

  /** @returns undefined for a task without history */
  async last(entity_id: string): Promise<LastChange | undefined> {
    const text = `SELECT operation, fields, version FROM changes WHERE user_id = :user_id AND entity_id = :entity_id
      ORDER BY id DESC LIMIT 1`;
    const [[row] = []] = await this.read(sql(text, { ...currentUser(), entity_id }));
    if (!row) return undefined;
    const [operation, fields, version] = row as [Change['operation'], Change['fields'], number];
    return { operation, fields, version };
  }
}

/** The times among the fields as everywhere else: RFC 3339 to the millisecond. */
function fieldsAsJson(dataSource: DataSource): string {
  const columns = [Task, Goal].flatMap((entity) => {
    const metadata = dataSource.getMetadata(entity);
    return metadata.columns
      .map(({ propertyName }) => propertyName)
      .filter((name) => isMoment(metadata, name));
  });
  const moments = [...new Set(columns)].map((name) => `'${name}'`).join(', ');
  const moment = (which: string) => momentAsText(`(f.value ->> '${which}')::timestamptz`);
  return `(
    SELECT coalesce(json_object_agg(f.key, CASE WHEN f.key IN (${moments})
      THEN json_build_object('old', ${moment('old')}, 'new', ${moment('new')}) ELSE f.value::json END), '{}')
    FROM jsonb_each(changes.fields) f)`;
}
