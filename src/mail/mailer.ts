import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BeforeApplicationShutdown, Injectable, Logger, OnApplicationBootstrap } from '@nestjs/common';
import type { SendMailOptions, Transporter } from 'nodemailer';
import { Config, dataFolder } from '../core/config';
import { mails } from '../core/metrics';
import { newSecret, secretHash } from '../core/secrets';
import { MailedTokenPurpose, mailedTokenPurposes, MailKind } from './mail.entity';
import { mailText } from './mail-texts';
import { DueMail, MailsRepository } from './mails.repository';

/** Milliseconds between checks for mails that are due again. */
const interval = 60_000;

/** Milliseconds. A delivery must end before the mail is due again, which is after one minute. */
const [connectTimeout, socketTimeout] = [5_000, 20_000];

/** Maximum number of mails that are sent simultaneously. */
const batchSize = 5;

/** These take about a day, with the waits between them. */
const maxAttempts = 30;

type Delivery = (mail: SendMailOptions, name: string) => Promise<void>;

/**
 * Sends the mails in the outbox in the background, after the transactions that enqueued them. Any instance retries failed
 * mails.
 */
@Injectable()
export class Mailer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Mail');
  private readonly deliver?: Delivery;
  /** The current run, for tests and shutdown. */
  work?: Promise<void>;
  private timer?: NodeJS.Timeout;
  private isStopping = false;
  private isCheckNeeded = false;

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

  /** Call it after enqueuing a mail. Does not wait until the mail is sent. */
  wake(): void {
    this.isCheckNeeded = true;
    this.work ??= this.sendAll();
  }

  private async sendAll(): Promise<void> {
    try {
      while (this.isCheckNeeded && !this.isStopping) {
        // Before the query, so that a mail that is enqueued during the query is found by the next one.
        this.isCheckNeeded = false;
        const due = await this.mails.claim(batchSize);
        if (due.length > 0) this.isCheckNeeded = true;
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
      const recipient = hasToken(kind) ? await this.mails.storeToken(kind, email, secretHash(token)) : {};
      if (recipient) {
        const { subject, text } = mailText(kind, { token, ...recipient }, this.config.appUrl);
        const to = { name: '', address: email };
        await this.deliver?.({ from: this.config.mailFrom, to, subject, text }, `${kind}-${id}`);
        mails.inc({ result: 'sent' });
      }
    } catch (error) {
      const isFinal = attempts >= maxAttempts || isRejected(error);
      mails.inc({ result: isFinal ? 'dropped' : 'failed' });
      const next = isFinal ? 'Giving up.' : 'Will try again.';
      this.logger.warn(
        `Could not send email ${id} (${kind}), attempt ${attempts}: ${String(error)}. ${next}`,
      );
      if (!isFinal) return;
    }
    await this.mails.delete(id);
  }

  private readonly toFile: Delivery = async (mail, name) => {
    const { createTransport } = await import('nodemailer');
    const { message } = await createTransport({ streamTransport: true, buffer: true }).sendMail(mail);
    const folder = join(dataFolder, 'mail');
    const file = join(folder, `${new Date().toISOString().replace(/:/g, '-')}-${name}.eml`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(file, message as Buffer, { mode: 0o600 });
    this.logger.log(`Email written to ${relative(process.cwd(), file)}`);
  };
}

function bySmtp(url: string): Delivery {
  let transport: Transporter | undefined;
  return async (mail) => {
    transport ??= await createSmtpTransport(url);
    await transport.sendMail(mail);
  };
}

/** Loads the library: instances that send no mails do not need its 2 MB of memory. */
async function createSmtpTransport(url: string): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  return createTransport({
    url,
    connectionTimeout: connectTimeout,
    greetingTimeout: connectTimeout,
    socketTimeout,
  });
}

function hasToken(kind: MailKind): kind is MailedTokenPurpose {
  return (mailedTokenPurposes as readonly MailKind[]).includes(kind);
}

/** Whether the server permanently rejected the address (RFC 5321, 5yz). */
function isRejected(error: unknown): boolean {
  const { code, responseCode } = error as { code?: string; responseCode?: number };
  return code === 'EENVELOPE' && (responseCode ?? 0) >= 500;
}
