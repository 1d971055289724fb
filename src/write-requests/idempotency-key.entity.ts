import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

/** The response to a request with an `Idempotency-Key`, for repetitions of the request. Kept for 24 hours. */
@Entity('idempotency_keys')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('idempotency_keys_status_check', 'status BETWEEN 200 AND 299')
export class IdempotencyKey {
  @PrimaryColumn('uuid')
  user_id: string;

  /** SHA-256 of the method, the path with the query, and the key. */
  @PrimaryColumn('bytea')
  key_hash: Buffer;

  /** SHA-256 of the request body: another one must not get the same response. */
  @Column('bytea')
  body_hash: Buffer;

  @Column('smallint')
  status: number;

  /** The response body; null if there is none. */
  @Column('text', { nullable: true })
  body: string | null;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  stored_at: Date;
}
