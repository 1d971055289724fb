import { Injectable } from '@nestjs/common';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { invalid, Problem, sessionEnded } from '../core/problem';
import { logSecurityEvent } from '../core/security-events';
import { RateLimiter } from '../limits/rate-limiter';
import { Mailer } from '../mail/mailer';
import type { User } from '../users/user.entity';
import { Account } from './accounts.repository';
import { ChangePassword, ResetPassword } from './auth.dto';
import { wrongPassword } from './auth.problems';
import { CredentialsRepository } from './credentials.repository';
import { Passwords } from './passwords';
import { secretHash } from '../core/secrets';

/** The rules of passwords, of verifying an email address, and of closing and reopening an account. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly credentials: CredentialsRepository,
    private readonly passwords: Passwords,
    private readonly rateLimiter: RateLimiter,
    private readonly mailer: Mailer,
  ) {}

  /** Checks the password of the current user. @throws Problem 403 `wrong_password` · Problem 401, 429 */
  confirm(password: string): Promise<Account> {
    return this.admit(() => this.checkPassword(password));
  }

  /** Also revokes all other sessions. @throws Problem 403 `wrong_password` */
  changePassword({ current_password, new_password }: ChangePassword): Promise<void> {
    return this.admit(async () => {
      const account = await this.checkPassword(current_password);
      this.passwords.refuseGuessable('new_password', new_password, account);
      const newHash = await this.passwords.hash(new_password);
      if (!(await this.credentials.changePassword(account, newHash))) throw sessionEnded();
      logSecurityEvent('password_changed');
      this.mailer.wake();
    });
  }

  /**
   * Sets the email address, together with other values.
   * @param account after its password was confirmed
   * @throws Problem 409 `email_taken`, `username_taken` · Problem 401, 429
   */
  async changeEmail(account: Account, values: Partial<User> & { email: string }): Promise<JsonText> {
    const mailboxes = [values.email, account.email];
    for (const mailbox of mailboxes) await this.rateLimiter.countMail(mailbox);
    try {
      const user = await this.credentials.changeEmail(account, values);
      if (!user) throw sessionEnded();
      logSecurityEvent('email_changed');
      this.mailer.wake();
      return user;
    } catch (error) {
      for (const mailbox of mailboxes) await this.rateLimiter.mailWasNotSent(mailbox);
      throw error;
    }
  }

  /** Behaves the same whether or not the account exists. */
  async forgotPassword(email: string): Promise<void> {
    await this.rateLimiter.countMail(email);
    await this.credentials.enqueueMail('reset_password', email);
    this.mailer.wake();
  }

  /** Also revokes all sessions and personal access tokens. @throws Problem 422 for an invalid token */
  async resetPassword({ token, new_password }: ResetPassword): Promise<void> {
    const hash = secretHash(token);
    const account = await this.credentials.findByToken('reset_password', hash);
    if (!account) throw invalidToken();
    this.passwords.refuseGuessable('new_password', new_password, account);
    await this.admit(async () => {
      const newHash = await this.passwords.hash(new_password);
      if (!(await this.credentials.resetPassword(account, hash, newHash))) throw invalidToken();
    });
    logSecurityEvent('password_reset', { user_id: account.id });
    await this.rateLimiter.passwordWasReset([account.email, account.username?.toLowerCase()]);
    this.mailer.wake();
  }

  /** Sends a mail to the current user, unless the address is already verified. */
  async requestVerification(): Promise<void> {
    const account = await this.credentials.findCurrent();
    if (!account) throw sessionEnded();
    await this.rateLimiter.countMail(account.email);
    await this.credentials.enqueueMail('verify_email', account.email);
    this.mailer.wake();
  }

  /**
   * Deactivates the current user's account, given its password.
   * @param deletionDays days until the account is deleted; null to keep it
   * @throws Problem 403 `wrong_password` · Problem 401, 429
   */
  async deactivate(password: string, deletionDays: number | null): Promise<void> {
    const account = await this.confirm(password);
    if (!(await this.credentials.deactivate(account, deletionDays))) throw sessionEnded();
    logSecurityEvent(deletionDays === null ? 'account_deactivated' : 'account_closed');
    this.mailer.wake();
  }

  /** Sends a mail to reopen a closed account. Behaves the same whether or not there is one. */
  async requestReopening(email: string): Promise<void> {
    await this.rateLimiter.countMail(email);
    await this.credentials.enqueueMail('reopen_account', email);
    this.mailer.wake();
  }

  /** @throws Problem 422 for an invalid token */
  async reopen(token: string): Promise<void> {
    if (!(await this.credentials.reopen(secretHash(token)))) throw invalidToken();
    logSecurityEvent('account_reopened');
  }

  /** @throws Problem 422 for an invalid token */
  async verifyEmail(token: string): Promise<void> {
    if (!(await this.credentials.verifyEmail(secretHash(token)))) throw invalidToken();
    logSecurityEvent('email_verified');
  }

  private admit<T>(work: () => Promise<T>): Promise<T> {
    return this.passwords.admit(() => this.rateLimiter.countPasswordNetwork(), work);
  }

  private async checkPassword(password: string): Promise<Account> {
    const account = await this.credentials.findCurrent();
    if (!account) throw sessionEnded();
    const trustedSource = currentUser().sessionId ?? undefined;
    await this.rateLimiter.countPassword(account.id, trustedSource);
    if (!(await this.passwords.isRight(password, account.password_hash))) {
      logSecurityEvent('password_wrong');
      throw wrongPassword.create();
    }
    await this.rateLimiter.passwordWasRight(account.id, trustedSource);
    return account;
  }
}

function invalidToken(): Problem {
  const message = 'is invalid, expired or already used: request a new email';
  return invalid([{ field: 'token', code: 'invalid_token', message }]);
}
