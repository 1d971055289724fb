import { Injectable } from '@nestjs/common';
import { currentUser } from '../core/request-context';
import { Database } from '../database/database';
import { sql } from '../database/statement';
import type { IdempotencyKey } from './idempotency-key.entity';

export type StoredResponse = Pick<IdempotencyKey, 'body_hash' | 'status' | 'body'>;

/** The responses to the current user's requests with an idempotency key. Its methods are called in a transaction. */
@Injectable()
export class IdempotencyKeysRepository {
  constructor(private readonly database: Database) {}

  /** @returns undefined for a key that was not used in the last 24 hours */
  async find(keyHash: Buffer): Promise<StoredResponse | undefined> {
    const values = { user_id: currentUser().userId, key_hash: keyHash };
    const isThisSql = 'user_id = :user_id AND key_hash = :key_hash';
    const { rows } = await this.database.write({
      deleteOld: sql(
        `DELETE FROM idempotency_keys WHERE ${isThisSql} AND stored_at <= now() - interval '24 hours'`,
        values,
      ),
      rows: sql<StoredResponse>(
        `SELECT body_hash, status, body FROM idempotency_keys WHERE ${isThisSql}`,
        values,
      ),
    });
    return rows[0];
  }

  async store(keyHash: Buffer, response: StoredResponse): Promise<void> {
    const text = `INSERT INTO idempotency_keys (user_id, key_hash, body_hash, status, body)
      VALUES (:user_id, :key_hash, :body_hash, :status, :body)`;
    const values = { ...response, user_id: currentUser().userId, key_hash: keyHash };
    await this.database.write({ stored: sql(text, values) });
  }
}
