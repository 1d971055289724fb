import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { MailedTokenPurpose } from '../mail/mail.entity';
import { User } from '../users/user.entity';

/** A token that is sent by mail and proves access to the mailbox. Only its hash is stored. */
@Entity('one_time_tokens')
@ForeignKey(() => User, ['user_id'], ['id'], { onDelete: 'CASCADE' })
@Check('one_time_tokens_purpose_check', `purpose IN ('verify_email', 'reset_password', 'reopen_account')`)
@Check('one_time_tokens_token_hash_check', 'length(token_hash) = 32')
@Index('one_time_tokens_token_hash_key', ['token_hash'], { unique: true })
export class OneTimeToken {
  @PrimaryColumn('uuid')
  user_id: string;

  @Column('text')
  purpose: MailedTokenPurpose;

  /** The address that the token was sent to. The token does not verify any other address. */
  @Column('text')
  email: string;

  @PrimaryColumn('bytea')
  token_hash: Buffer;

  @Column('timestamp with time zone', { precision: 3 })
  expires_at: Date;
}
