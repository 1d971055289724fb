import { Injectable } from '@nestjs/common';
import { currentUser } from '../core/request-context';
import { JsonText } from '../core/json-text';
import { forbidden, invalid, Problem, unauthorized } from '../core/problem';
import { Limits } from '../limits/limits';
import { Mailer } from '../mail/mailer';
import type { User } from '../users/user.entity';
import { Account } from './accounts.repository';
import { ChangePassword, ResetPassword } from './auth.dto';
import { CredentialsRepository } from './credentials.repository';
import { Passwords } from './passwords';
import { secretHash } from '../core/secrets';

/** The rules of changing a password, and of proving an address. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly credentials: CredentialsRepository,
    private readonly passwords: Passwords,
    private readonly limits: Limits,
    private readonly mailer: Mailer,
  ) {}

  /** The current user's account, when the password is right. @throws Problem 403 when it is not · Problem 401, 429 */
  confirm(password: string): Promise<Account> {
    return this.passwords.admit(() => this.compare(password));
  }

  /** All other sessions end. @throws Problem 403 when the current password is wrong */
  changePassword({ current_password, new_password }: ChangePassword): Promise<void> {
    return this.passwords.admit(async () => {
      const account = await this.compare(current_password);
      this.passwords.refuseGuessable('new_password', new_password, account);
      const newHash = await this.passwords.hash(new_password);
      if (!(await this.credentials.changePassword(account, newHash))) throw sessionEnded();
      this.mailer.wake();
    });
  }

  /**
   * Another address for an account that was confirmed, with what else changes.
   * @throws Problem 409 when the address or the username belongs to somebody else · Problem 401, 429
   */
  async changeEmail(account: Account, changes: Partial<User> & { email: string }): Promise<JsonText> {
    const mailboxes = [changes.email, account.email];
    for (const mailbox of mailboxes) await this.limits.countMail(mailbox);
    try {
      const user = await this.credentials.changeEmail(account, changes);
      if (!user) throw sessionEnded();
      this.mailer.wake();
      return user;
    } catch (error) {
      for (const mailbox of mailboxes) await this.limits.mailWasNotSent(mailbox);
      throw error;
    }
  }

  /** The same whether there is such an account or not. */
  async forgotPassword(email: string): Promise<void> {
    await this.limits.countMail(email);
    await this.credentials.askForMail('reset_password', email);
    this.mailer.wake();
  }

  /** All sessions and personal tokens end. @throws Problem 422 for a token that does not serve (any more) */
  async resetPassword({ token, new_password }: ResetPassword): Promise<void> {
    const hash = secretHash(token);
    const account = await this.credentials.findByToken('reset_password', hash);
    if (!account) throw invalidToken();
    this.passwords.refuseGuessable('new_password', new_password, account);
    await this.passwords.admit(async () => {
      await this.limits.countAddress();
      const newHash = await this.passwords.hash(new_password);
      if (!(await this.credentials.resetPassword(account, hash, newHash))) throw invalidToken();
    });
    await this.limits.forgetPasswords([account.email, account.username?.toLowerCase()]);
    this.mailer.wake();
  }

  /** A mail to the current user, unless the address is verified already. */
  async askForVerification(): Promise<void> {
    const account = await this.credentials.findCurrent();
    if (!account) throw sessionEnded();
    await this.limits.countMail(account.email);
    await this.credentials.askForMail('verify_email', account.email);
    this.mailer.wake();
  }

  /** @throws Problem 422 for a token that does not serve (any more) */
  async verifyEmail(token: string): Promise<void> {
    if (!(await this.credentials.verifyEmail(secretHash(token)))) throw invalidToken();
  }

  private async compare(password: string): Promise<Account> {
    const account = await this.credentials.findCurrent();
    if (!account) throw sessionEnded();
    const place = currentUser().session_id ?? undefined;
    await this.limits.countPassword(account.id, place);
    if (!(await this.passwords.isRight(password, account.password_hash))) {
      throw forbidden('wrong_password', 'The current password is wrong. Nothing was changed.');
    }
    await this.limits.passwordWasRight(account.id, place);
    return account;
  }
}

function sessionEnded(): Problem {
  return unauthorized('The session or token has expired or was revoked. Sign in again.');
}

function invalidToken(): Problem {
  const message = 'is invalid, expired or already used: request a new email';
  return invalid([{ field: 'token', code: 'invalid_token', message }]);
}
