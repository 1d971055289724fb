import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export type MailKind = 'verify_email' | 'reset_password' | 'password_changed' | 'email_changed';

/** A mail that is still to be sent. What asks for it writes it down; its text, and the token in it, are made on sending. */
@Entity('mails')
@Check('mails_kind_check', `kind IN ('verify_email', 'reset_password', 'password_changed', 'email_changed')`)
export class Mail {
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: MailKind;

  /** As somebody typed it: there may be no account of that name. */
  @Column('text')
  email: string;

  @Column('integer', { default: 0 })
  attempts: number;

  /** When to try next. */
  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  due_at: Date;

  @Column('timestamp with time zone', { precision: 3, default: () => 'now()' })
  created_at: Date;
}
