import type { AddressInfo } from 'node:net';
import PostalMime, { Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import type { TestApp } from './app';

/** An SMTP server on a free port. */
export class Mailbox {
  /** Whether it refuses every mail with “451, try again later”. */
  isBusy = false;
  readonly mails: Email[] = [];
  private readonly refusals: string[] = [];
  private readonly server: SMTPServer;
  private readonly listeners = new Set<() => void>();

  private constructor() {
    this.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      logger: false,
      onRcptTo: ({ address }, _session, callback) => {
        const refusal = address.startsWith('refused@')
          ? [550, 'no such mailbox']
          : this.isBusy && [451, 'busy'];
        if (!refusal) return callback();
        this.refusals.push(address);
        this.notify();
        callback(Object.assign(new Error(String(refusal[1])), { responseCode: refusal[0] }));
      },
      onData: (stream, _session, callback) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          callback();
          void this.receive(Buffer.concat(chunks));
        });
      },
    });
  }

  static async open(): Promise<Mailbox> {
    const mailbox = new Mailbox();
    await new Promise<void>((resolve) => mailbox.server.listen(0, '127.0.0.1', resolve));
    return mailbox;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  /** Waits for the next mail to the address with a matching subject, and removes it. */
  take(address: string, subject: RegExp): Promise<Email> {
    return this.takeFrom(
      this.mails,
      (mail) => mail.to?.[0]?.address === address && subject.test(mail.subject ?? ''),
    );
  }

  /** Waits until a mail to the address is refused. */
  async waitForRefusal(address: string): Promise<void> {
    await this.takeFrom(this.refusals, (refusal) => refusal === address);
  }

  /** Waits for the next such mail. @returns the token in it */
  async takeToken(address: string, subject: RegExp): Promise<string> {
    const { text } = await this.take(address, subject);
    const token = /[Tt]oken[:=] ?([\w-]{43})\b/.exec(text ?? '')?.[1];
    if (!token) throw new Error(`There is no token in: ${text}`);
    return token;
  }

  private takeFrom<T>(items: T[], matches: (item: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      const check = () => {
        const index = items.findIndex(matches);
        if (index < 0) return;
        this.listeners.delete(check);
        resolve(items.splice(index, 1)[0]!);
      };
      this.listeners.add(check);
      check();
    });
  }

  private notify(): void {
    [...this.listeners].forEach((listen) => listen());
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(resolve));
  }

  private async receive(mail: Buffer): Promise<void> {
    this.mails.push(await PostalMime.parse(mail));
    this.notify();
  }
}

export const subjects = {
  verification: /Confirm your email address/,
  reset: /Reset your .* password/,
  passwordChanged: /password was changed/,
  emailChanged: /email address was changed/,
  closed: /account was closed/,
  deleted: /account was deleted/,
};

/** Waits until the application has no more mails to send. */
export async function waitForMails(app: TestApp): Promise<void> {
  while ((await app.database.query('SELECT FROM mails')).rowCount);
}
