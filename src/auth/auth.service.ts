import { Injectable } from '@nestjs/common';
import { networkOf } from '../core/network-address';
import { currentAddress } from '../core/request-context';
import { normalizeEmail } from '../core/email';
import { JsonText } from '../core/json-text';
import { invalid, unauthorized } from '../core/problem';
import { Limits } from '../limits/limits';
import { Mailer } from '../mail/mailer';
import { Account, AccountsRepository, Device, SessionState } from './accounts.repository';
import { Login, Register } from './auth.dto';
import { Passwords } from './passwords';
import { Tokens } from './tokens';

/** The rules of sign-up, sign-in and staying signed in. */
@Injectable()
export class AuthService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly passwords: Passwords,
    private readonly tokens: Tokens,
    private readonly limits: Limits,
    private readonly mailer: Mailer,
  ) {}

  /** @throws Problem 409 `email_taken`, `username_taken` */
  register({ password, ...user }: Register): Promise<JsonText> {
    this.passwords.refuseGuessable('password', password, user);
    return this.passwords.admit(async () => {
      await this.limits.countMail(user.email);
      const password_hash = await this.passwords.hash(password);
      try {
        const account = await this.accounts.create({ ...user, password_hash });
        this.mailer.wake();
        return account;
      } catch (error) {
        await this.limits.mailWasNotSent(user.email);
        throw error;
      }
    });
  }

  /** @throws Problem 401, the same whatever was wrong */
  async login({ email, username, password }: Login, user_agent: string | undefined): Promise<JsonText> {
    const written = email ?? username;
    if (written === undefined || (email !== undefined && username !== undefined)) {
      throw invalid([
        {
          field: 'email',
          code: 'required',
          message: 'is required unless username is given: send exactly one of the two',
        },
      ]);
    }
    const name = normalizeEmail(written);
    const ip = currentAddress();
    const session = await this.passwords.admit(() => this.signIn(name, password, { ip, user_agent }));
    return this.answer(session);
  }

  /** @throws Problem 401; a token that was used before also ends its session */
  async refresh(token: string): Promise<JsonText> {
    const claims = this.tokens.readRefresh(token);
    if (claims) await this.limits.countRefresh(claims.session_id);
    const session = claims && (await this.accounts.refreshSession(claims));
    if (!session)
      throw unauthorized(
        'The refresh token is invalid, expired, revoked or already used. Sign in again.',
        'invalid_refresh_token',
      );
    return this.answer(session);
  }

  private async signIn(name: string, password: string, device: Device): Promise<SessionState> {
    const network = device.ip === null ? null : networkOf(device.ip);
    const account = await this.accounts.find(name, network);
    const place = account?.is_known && network ? network : undefined;
    await this.limits.countPassword(name, place);
    // Again where the account was changed since it was read, by a sign-in at the same time that renewed a dated hash.
    const session =
      (await this.openSession(account, password, device)) ??
      (await this.openSession(await this.accounts.find(name, network), password, device));
    if (!session) throw invalidCredentials();
    await this.limits.passwordWasRight(name, place);
    return session;
  }

  /** @returns undefined when the account has changed since it was read */
  private async openSession(
    account: Account | undefined,
    password: string,
    device: Device,
  ): Promise<SessionState | undefined> {
    const isRight = await this.passwords.isRight(password, account?.password_hash);
    if (!account || !isRight || !account.is_active) throw invalidCredentials();
    const isDated = this.passwords.isDated(account.password_hash);
    const newHash = isDated ? await this.passwords.hash(password) : undefined;
    return this.accounts.openSession(account, device, newHash);
  }

  private answer(session: SessionState): JsonText {
    const tokens = {
      access_token: this.tokens.access(session),
      token_type: 'Bearer',
      expires_in: this.tokens.accessLifetime,
      refresh_token: this.tokens.refresh(session, session.last_used_at, session.expires_at),
    };
    return new JsonText(`${JSON.stringify(tokens).slice(0, -1)},"user":${session.user}}`);
  }
}

function invalidCredentials() {
  return unauthorized('The email address, username or password is wrong.', 'invalid_credentials');
}
