import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The mails that contain a token, by the purpose of the token. */
export const mailedTokenPurposes = ['verify_email', 'reset_password', 'reopen_account'] as const;

export type MailedTokenPurpose = (typeof mailedTokenPurposes)[number];

export type MailKind = MailedTokenPurpose | 'password_changed' | 'email_changed' | 'account_deleted';

/** A mail in the outbox. Its text and its token are created when it is sent. */
@Entity('mails')
@Check(
  'mails_kind_check',
  `kind IN ('verify_email', 'reset_password', 'reopen_account', 'password_changed', 'email_changed', 'account_deleted')`,
)
export class Mail {
  @PrimaryColumn('uuid', { default: () => 'new_id()' })
  id: string;

  @Column('text')
  kind: MailKind;

  /** The requested address, which may not belong to any account. */
  @Column('text')
  email: string;

  @Column('integer', { default: 0 })
  attempts: number;

  /** Timestamp of the next attempt. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  due_at: Date;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;
}
