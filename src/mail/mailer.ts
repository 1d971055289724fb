import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BeforeApplicationShutdown, Injectable, Logger, OnApplicationBootstrap } from '@nestjs/common';
import { createTransport, SendMailOptions } from 'nodemailer';
import { Config, dataFolder } from '../core/config';
import { newSecret, secretHash } from '../core/secrets';
import type { MailKind } from './mail.entity';
import { mailText } from './mail-texts';
import { DueMail, MailsRepository } from './mails.repository';

/** Milliseconds after which it looks for mails that are due again. */
const interval = 60_000;

/** Milliseconds. A mail is due again after a minute; a delivery that is under way at the end has as long as a connection. */
const [connectTimeout, silenceTimeout] = [5_000, 20_000];

/** Mails that are sent at once. */
const atOnce = 5;

/** With the waits between them, a day. */
const maxAttempts = 30;

type Delivery = (mail: SendMailOptions, name: string) => Promise<void>;

/**
 * Sends what is written down in `mails`, after the transaction that wrote it and beside all requests. What fails is
 * tried again, on any instance.
 */
@Injectable()
export class Mailer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Mail');
  private readonly deliver?: Delivery;
  /** What it does now. */
  work?: Promise<void>;
  private timer?: NodeJS.Timeout;
  private isStopping = false;
  private isCalled = false;

  constructor(
    private readonly mails: MailsRepository,
    private readonly config: Config,
  ) {
    if (config.smtpUrl) this.deliver = bySmtp(config.smtpUrl);
    else if (config.environment !== 'production') this.deliver = this.toFile;
  }

  onApplicationBootstrap(): void {
    if (!this.deliver) this.logger.warn('SMTP_URL is not set. Emails are not sent.');
    this.timer = setInterval(() => this.wake(), interval).unref();
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearInterval(this.timer);
    await Promise.race([this.work, delay(connectTimeout, undefined, { ref: false })]);
  }

  /** There is something to send. It does not wait for it. */
  wake(): void {
    this.isCalled = true;
    this.work ??= this.sendAll();
  }

  private async sendAll(): Promise<void> {
    try {
      while (this.isCalled && !this.isStopping) {
        this.isCalled = false; // before it looks: who calls while it does may have come too late for this look
        const due = await this.mails.claim(atOnce);
        if (due.length > 0) this.isCalled = true;
        await Promise.all(due.map((mail) => this.send(mail)));
      }
    } catch (error) {
      this.logger.warn(`Could not send pending emails, will try again: ${String(error)}`);
    } finally {
      this.work = undefined;
    }
  }

  private async send({ id, kind, email, attempts }: DueMail): Promise<void> {
    try {
      const token = newSecret();
      const isWanted = !isWithToken(kind) || (await this.mails.storeToken(kind, email, secretHash(token)));
      if (isWanted) {
        const { subject, text } = mailText(kind, token, this.config.appUrl);
        const to = { name: '', address: email };
        await this.deliver?.({ from: this.config.mailFrom, to, subject, text }, `${kind}-${id}`);
      }
    } catch (error) {
      const isHopeless = attempts >= maxAttempts || isRefused(error);
      const next = isHopeless ? 'Giving up.' : 'Will try again.';
      this.logger.warn(
        `Could not send email ${id} (${kind}), attempt ${attempts}: ${String(error)}. ${next}`,
      );
      if (!isHopeless) return;
    }
    await this.mails.delete(id);
  }

  private readonly toFile: Delivery = async (mail, name) => {
    const { message } = await createTransport({ streamTransport: true, buffer: true }).sendMail(mail);
    const folder = join(dataFolder, 'mail');
    const file = join(folder, `${new Date().toISOString().replace(/:/g, '-')}-${name}.eml`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(file, message as Buffer, { mode: 0o600 });
    this.logger.log(`Email written to ${relative(process.cwd(), file)}`);
  };
}

function bySmtp(url: string): Delivery {
  const transport = createTransport({
    url,
    connectionTimeout: connectTimeout,
    greetingTimeout: connectTimeout,
    socketTimeout: silenceTimeout,
  });
  return async (mail) => {
    await transport.sendMail(mail);
  };
}

function isWithToken(kind: MailKind): boolean {
  return kind === 'verify_email' || kind === 'reset_password';
}

/** For good, because of this mail: the server takes no such address (RFC 5321, 5yz). */
function isRefused(error: unknown): boolean {
  const { code, responseCode } = error as { code?: string; responseCode?: number };
  return code === 'EENVELOPE' && (responseCode ?? 0) >= 500;
}
