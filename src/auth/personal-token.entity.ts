import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity';

export const scopes = ['read', 'write'] as const;
export type Scope = (typeof scopes)[number];

/** A personal access token, for scripts and other programs of a user. Only its SHA-256 hash is stored. */
@Entity('personal_tokens')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('personal_tokens_name_check', `length(name) <= 100 AND name ~ '[^[:space:]]'`)
@Check('personal_tokens_scopes_check', `scopes <@ '{read,write}' AND cardinality(scopes) BETWEEN 1 AND 2`)
@Check('personal_tokens_token_hash_check', 'length(token_hash) = 32')
@Index('personal_tokens_token_hash_key', ['token_hash'], { unique: true })
export class PersonalToken {
  @PrimaryColumn('uuid')
  user_id: string;

  @PrimaryColumn('uuid', { default: () => 'new_id()' })
  id: string;

  @Column('text')
  name: string;

  @Column('text', { array: true })
  scopes: Scope[];

  @Column('bytea')
  token_hash: Buffer;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;

  @Column('timestamp with time zone', { precision: 3 })
  expires_at: Date;

  /** Accurate to about a minute. */
  @Column('timestamp with time zone', { precision: 3, nullable: true })
  last_used_at: Date | null;
}
