import { Injectable } from '@nestjs/common';
import type { Problem } from '../core/problem';
import { Database } from '../database/database';
import { sql } from '../database/statement';
import type { ImportCounts } from './export-import';

/** An import that this instance runs. */
export interface RunningImport {
  user_id: string;
  id: string;
  validate_only: boolean;
  /** The size of the document. */
  bytes: number;
  attempts: number;
}

/** Seconds without a sign of life after which another instance takes over an import. */
const maxSilence = 60;

/** Seconds between two attempts. */
const pause = 5;

/** The imports of all users that wait or run, for background work without a current user. */
@Injectable()
export class ImportQueue {
  constructor(private readonly database: Database) {}

  /** The number of imports that are not finished. Their documents are stored in the database. */
  async length(): Promise<number> {
    const text = `SELECT count(*)::integer AS count FROM imports WHERE status IN ('uploading', 'waiting', 'running')`;
    const { rows } = await this.database.asPurger({ rows: sql<{ count: number }>(text) });
    return rows[0]!.count;
  }

  /** Deletes uploads whose instance has stopped. */
  async deleteBrokenUploads(): Promise<void> {
    const text = `DELETE FROM imports WHERE status = 'uploading' AND active_at < now() - interval '1 hour'`;
    await this.database.asPurger({ deleted: sql(text) });
  }

  /** Takes the oldest import that waits, or whose instance has stopped. */
  async claim(): Promise<RunningImport | undefined> {
    const text = `UPDATE imports SET status = 'running', active_at = now(), attempts = attempts + 1 WHERE (user_id, id) = (
        SELECT user_id, id FROM imports WHERE status IN ('uploading', 'waiting', 'running') AND (status = 'waiting' AND (attempts = 0 OR active_at < now() - interval '${pause} seconds')
          OR status = 'running' AND active_at < now() - interval '${maxSilence} seconds')
        ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
      ) RETURNING user_id, id, validate_only, bytes::float8 AS bytes, attempts`;
    const { rows } = await this.database.asPurger({ rows: sql<RunningImport>(text) });
    return rows[0];
  }

  /** Stores the progress, as a sign of life. */
  async report({ user_id, id }: RunningImport, step: string, done: number, total: number): Promise<void> {
    const text = `UPDATE imports SET active_at = now(), step = :step, done = :done::bigint, total = :total::bigint
      WHERE user_id = :user_id AND id = :id AND status = 'running'`;
    await this.database.asPurger({ updated: sql(text, { user_id, id, step, done, total }) });
  }

  /** Lets this or another instance begin again. */
  async release({ user_id, id }: RunningImport): Promise<void> {
    const text = `UPDATE imports SET status = 'waiting', active_at = now()
      WHERE user_id = :user_id AND id = :id AND status = 'running'`;
    await this.database.asPurger({ updated: sql(text, { user_id, id }) });
  }

  /** The next part of the document; undefined after the last one. Call it in a transaction of the user. */
  async part({ user_id, id }: RunningImport, number: number): Promise<Buffer | undefined> {
    const text =
      'SELECT data FROM import_parts WHERE user_id = :user_id AND import_id = :id AND number = :number';
    const { rows } = await this.database.write({
      rows: sql<{ data: Buffer }>(text, { user_id, id, number }),
    });
    return rows[0]?.data;
  }

  /** @returns whether the import is still to be done by this instance. Call it in a transaction of the user. */
  async complete(running: RunningImport, counts: ImportCounts): Promise<boolean> {
    return this.finish(running, 'completed', counts, null);
  }

  async fail(running: RunningImport, { code, detail, errors }: Problem): Promise<void> {
    const work = () => this.finish(running, 'failed', null, { code, detail, errors });
    await this.database.actAs(running.user_id, work);
  }

  private async finish(
    { user_id, id }: RunningImport,
    status: 'completed' | 'failed',
    counts: object | null,
    error: object | null,
  ): Promise<boolean> {
    const text = `UPDATE imports SET status = :status, counts = :counts, error = :error, finished_at = now()
      WHERE user_id = :user_id AND id = :id AND status = 'running' RETURNING id`;
    const statements = {
      finished: sql<{ id: string }>(text, { user_id, id, status, counts, error }),
      parts: sql('DELETE FROM import_parts WHERE user_id = :user_id AND import_id = :id', { user_id, id }),
    };
    return (await this.database.write(statements)).finished.length === 1;
  }
}
