import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { JsonText } from '../core/json-text';
import { Problem } from '../core/problem';
import { Database } from '../database/database';
import { OwnedRepository } from '../database/owned.repository';
import { fieldsOf } from '../http/views';
import { ImportView } from './import.dto';
import { Import } from './import.entity';
import { importRunning } from './import.problems';

/** The import of the current user, and the upload of its document. */
@Injectable()
export class ImportsRepository extends OwnedRepository<object> {
  constructor(database: Database, @InjectDataSource() dataSource: DataSource) {
    super(database, dataSource, {
      entity: Import,
      name: 'import',
      fields: fieldsOf(ImportView),
      derived: {
        progress: `CASE WHEN imports.status = 'running' AND imports.step IS NOT NULL
          THEN json_build_object('step', imports.step, 'done', imports.done, 'total', imports.total) END`,
      },
      missing: () => new Problem(404, 'not_found', 'You have not imported a document yet.'),
      filters: {},
      sorts: {},
    });
  }

  /** @throws Problem 404 if there is none */
  async last(): Promise<JsonText> {
    const { rows } = await this.read({ rows: this.statements.select(this.where(), this.parameters({})) });
    return this.single(rows);
  }

  /**
   * Replaces the last import by a new one, which has no document yet. An upload of which no part arrived for a minute does
   * not count as in progress.
   * @returns the id · @throws Problem 409 `import_running`
   */
  async start(validateOnly: boolean): Promise<string> {
    const id = uuidv7();
    const text = `INSERT INTO imports (user_id, id, validate_only) VALUES (:user_id, :id, :validate_only)
      ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, validate_only = excluded.validate_only, status = 'uploading',
        bytes = 0, step = NULL, done = 0, total = 0, attempts = 0, counts = NULL, error = NULL, created_at = now(), active_at = now(),
        finished_at = NULL
      WHERE imports.status IN ('completed', 'failed')
        OR imports.status = 'uploading' AND imports.active_at < now() - interval '1 minute'
      RETURNING id`;
    const { started } = await this.write({
      started: this.sql<{ id: string }>(text, { id, validate_only: validateOnly }),
      oldParts: this.sql(
        `DELETE FROM import_parts WHERE user_id = :user_id
         AND EXISTS (SELECT FROM imports i WHERE i.user_id = :user_id AND i.id = :id)`,
        { id },
      ),
    });
    if (started.length === 0) throw importRunning.create();
    return id;
  }

  /** Stores a part of the document. @throws Problem 409 `import_running` if another upload has begun */
  async addPart(id: string, number: number, data: Buffer): Promise<void> {
    const updateSql = `UPDATE imports SET active_at = now(), bytes = bytes + :length::integer
      WHERE user_id = :user_id AND id = :id AND status = 'uploading' RETURNING id`;
    const insertSql = `INSERT INTO import_parts (user_id, number, data) SELECT i.user_id, :number::integer, :data::bytea
      FROM imports i WHERE i.user_id = :user_id AND i.id = :id AND i.status = 'uploading'`;
    const { updated } = await this.write({
      updated: this.sql<{ id: string }>(updateSql, { id, length: data.length }),
      inserted: this.sql(insertSql, { id, number, data }),
    });
    if (updated.length === 0) throw importRunning.create();
  }

  /** Makes a complete document wait for an instance that imports it. @returns the import */
  async enqueue(id: string): Promise<JsonText> {
    const text = `UPDATE imports SET status = 'waiting', active_at = now()
      WHERE user_id = :user_id AND id = :id AND status = 'uploading'`;
    const { rows } = await this.write({
      updated: this.sql(text, { id }),
      rows: this.selection(id),
    });
    return this.single(rows);
  }

  /** Deletes an upload that was not completed. */
  async cancel(id: string): Promise<void> {
    const text = `DELETE FROM imports WHERE user_id = :user_id AND id = :id AND status = 'uploading'`;
    await this.write({ deleted: this.sql(text, { id }) });
  }
}
