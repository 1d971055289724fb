import type { MailKind } from './mail.entity';
import { tokenMinutes } from './mails.repository';

interface MailText {
  subject: string;
  text: string;
}

/**
 * What a mail says, in short lines: so it travels as it is, and a token can be copied from the raw message too.
 * @param appUrl of the pages that take tokens; without it, the mail names the API's call
 */
export function mailText(kind: MailKind, token: string, appUrl: string | undefined): MailText {
  const toDo = (page: string, call: string) =>
    appUrl
      ? `${appUrl.replace(/\/$/, '')}/${page}#token=${token}`
      : `Token: ${token}\n\nIt is for the call POST /api/v1/auth/${call}.`;
  const texts: Record<MailKind, MailText> = {
    verify_email: {
      subject: 'Is this your email address?',
      text: `A Cairn account was made with this address, or was given it.
If that was you, confirm it:

${toDo('verify-email', 'email/verify')}

It can be used once, within ${tokenMinutes} minutes.
If it was not you, do nothing.
`,
    },
    reset_password: {
      subject: 'A new password for your Cairn account',
      text: `Somebody asked for a new password for your account.
If it was you, choose one:

${toDo('reset-password', 'password/reset')}

It can be used once, within ${tokenMinutes} minutes.
If it was not you, do nothing: your password stays as it is.
`,
    },
    password_changed: {
      subject: 'The password of your Cairn account was changed',
      text: `The password of your account was changed, and other sessions
were ended. If it was not you, ask for a new password now.
`,
    },
    email_changed: {
      subject: 'The email address of your Cairn account was changed',
      text: `Your account has another email address from now on, and other
sessions were ended. If it was not you, turn to whoever runs
this service.
`,
    },
  };
  return texts[kind];
}
