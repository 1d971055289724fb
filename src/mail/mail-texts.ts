import type { MailKind } from './mail.entity';
import { tokenMinutes } from './mails.repository';

interface MailText {
  subject: string;
  text: string;
}

interface MailDetails {
  token: string;
  deletion_at?: Date | null;
}

/**
 * Subject and text of a mail. Lines are shorter than 76 characters, so that mail servers do not wrap them and a token can
 * be copied from the raw message.
 * @param details the token, and for a closed account the time of its deletion
 * @param appUrl web application with pages for tokens; without it, the mail names the API operation
 */
export function mailText(kind: MailKind, details: MailDetails, appUrl: string | undefined): MailText {
  const { token, deletion_at: deletionAt } = details;
  const instructions = (page: string, operation: string) =>
    appUrl
      ? `${appUrl.replace(/\/$/, '')}/${page}#token=${token}`
      : `Token: ${token}\n\nSend it to POST /api/v1/auth/${operation}.`;
  const texts: Record<MailKind, MailText> = {
    verify_email: {
      subject: 'Confirm your email address',
      text: `This email address was added to a Cairn account.
To confirm that it is yours, use this:

${instructions('verify-email', 'email/verify')}

It can be used once and expires after ${tokenMinutes} minutes.
If this was not you, ignore this mail.
`,
    },
    reset_password: {
      subject: 'Reset your Cairn password',
      text: `A password reset was requested for your Cairn account.
To choose a new password, use this:

${instructions('reset-password', 'password/reset')}

It can be used once and expires after ${tokenMinutes} minutes.
If this was not you, ignore this mail. Your password is unchanged.
`,
    },
    reopen_account: {
      subject: 'Your Cairn account was closed',
      text: `Your Cairn account was closed. It will be deleted with all its
data on ${deletionAt?.toISOString().slice(0, 10)}.
To reopen it, use this:

${instructions('reopen-account', 'account/reopen')}

It can be used once and expires after ${tokenMinutes} minutes.
Until the account is deleted, you can request another mail.
If you want the account to be deleted, ignore this mail.
`,
    },
    account_deleted: {
      subject: 'Your Cairn account was deleted',
      text: `Your Cairn account was deleted with all its data.
If this was not you, contact the operator of this service.
`,
    },
    password_changed: {
      subject: 'Your Cairn password was changed',
      text: `The password of your Cairn account was changed. Your other
sessions were signed out.
If this was not you, reset your password now.
`,
    },
    email_changed: {
      subject: 'Your Cairn email address was changed',
      text: `The email address of your Cairn account was changed. Your
account no longer uses this address, and your other sessions
were signed out.
If this was not you, contact the operator of this service.
`,
    },
  };
  return texts[kind];
}
