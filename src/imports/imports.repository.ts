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
    const deleteSql = `DELETE FROM imports WHERE user_id = :user_id AND (status IN ('completed', 'failed')
      OR status = 'uploading' AND active_at < now() - interval '1 minute')`;
    await this.write({
      replaced: this.sql(deleteSql),
      started: this.insertStatement({ id, validate_only: validateOnly }),
    });
    return id;
  }

  /** Stores a part of the document. @throws Problem 404 if another upload has replaced this one */
  async addPart(id: string, number: number, data: Buffer): Promise<void> {
    const insertSql = `INSERT INTO import_parts (user_id, import_id, number, data)
      VALUES (:user_id, :id, :number::integer, :data::bytea)`;
    const updateSql = `UPDATE imports SET active_at = now(), bytes = bytes + :length::integer
      WHERE user_id = :user_id AND id = :id`;
    await this.write({
      inserted: this.sql(insertSql, { id, number, data }),
      updated: this.sql(updateSql, { id, length: data.length }),
    });
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
