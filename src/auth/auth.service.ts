import { Injectable } from '@nestjs/common';
import { networkOf } from '../core/network-address';
import { currentAddress } from '../core/request-context';
import { normalizeEmail } from '../core/email';
import { JsonText } from '../core/json-text';
import { invalid, unauthorized } from '../core/problem';
import { logSecurityEvent } from '../core/security-events';
import { RateLimiter } from '../limits/rate-limiter';
import { Mailer } from '../mail/mailer';
import { Account, AccountsRepository, Device, SessionState } from './accounts.repository';
import { Login, Register } from './auth.dto';
import { invalidCredentials, invalidRefreshToken } from './auth.problems';
import { Passwords } from './passwords';
import { RefreshClaims, SessionTokens } from './session-tokens';

/** The rules of registration, sign-in and token refresh. */
@Injectable()
export class AuthService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly passwords: Passwords,
    private readonly tokens: SessionTokens,
    private readonly rateLimiter: RateLimiter,
    private readonly mailer: Mailer,
  ) {}

  /** @throws Problem 409 `email_taken`, `username_taken` */
  register({ password, ...user }: Register): Promise<JsonText> {
    this.passwords.refuseGuessable('password', password, user);
    const count = () => this.rateLimiter.countMailNetwork();
    return this.passwords.admit(count, async () => {
      await this.rateLimiter.countMailbox(user.email);
      const passwordHash = await this.passwords.hash(password);
      try {
        const account = await this.accounts.create({ ...user, password_hash: passwordHash });
        this.mailer.wake();
        const { id } = JSON.parse(account.text) as { id: string };
        logSecurityEvent('account_created', { user_id: id });
        return account;
      } catch (error) {
        await this.rateLimiter.mailWasNotSent(user.email);
        throw error;
      }
    });
  }

  /** @throws Problem 401, the same for every cause */
  async login({ email, username, password }: Login, userAgent: string | undefined): Promise<JsonText> {
    const entered = email ?? username;
    if (entered === undefined || (email !== undefined && username !== undefined)) {
      throw invalid([
        {
          field: 'email',
          code: 'required',
          message: 'is required unless username is given: send exactly one of the two',
        },
      ]);
    }
    const name = normalizeEmail(entered);
    const device = { address: currentAddress(), userAgent };
    const count = () => this.rateLimiter.countPasswordNetwork();
    const session = await this.passwords.admit(count, () => this.signIn(name, password, device));
    logSecurityEvent('sign_in', idsOf(session));
    return this.toResponse(session);
  }

  /** @throws Problem 401; the reuse of a token also revokes its session */
  async refresh(token: string): Promise<JsonText> {
    const claims = this.tokens.readRefresh(token);
    if (claims) await this.rateLimiter.countRefresh(claims.session_id);
    const session = claims && (await this.accounts.refreshSession(claims));
    if (!session) {
      // Also logged for a reused token, which revokes the session.
      if (claims) logSecurityEvent('session_refresh_refused', idsOf(claims));
      throw unauthorized(invalidRefreshToken.detail, invalidRefreshToken.code);
    }
    return this.toResponse(session);
  }

  private async signIn(name: string, password: string, device: Device): Promise<SessionState> {
    const network = device.address === null ? null : networkOf(device.address);
    const account = await this.accounts.find(name, network);
    const isOwnNetwork = account?.is_known_network ?? false;
    const isAllowed = await this.rateLimiter.countSignIn(name, isOwnNetwork);
    // The second attempt succeeds if a simultaneous sign-in has replaced an outdated hash since the account was read.
    const session =
      (await this.startSession(isAllowed ? account : undefined, password, device)) ??
      (await this.startSession(await this.accounts.find(name, network), password, device));
    if (!session) throw wrongCredentials();
    await this.rateLimiter.signInWasRight(name, isOwnNetwork);
    return session;
  }

  /** @returns undefined if the account was changed after it was read */
  private async startSession(
    account: Account | undefined,
    password: string,
    device: Device,
  ): Promise<SessionState | undefined> {
    const isRight = await this.passwords.isRight(password, account?.password_hash);
    if (!account || !isRight || !account.can_sign_in) {
      logSecurityEvent('sign_in_failed', { user_id: account?.id });
      throw wrongCredentials();
    }
    const isOutdated = this.passwords.isOutdated(account.password_hash);
    const newHash = isOutdated ? await this.passwords.hash(password) : undefined;
    return this.accounts.startSession(account, device, newHash);
  }

  private toResponse(session: SessionState): JsonText {
    const tokens = {
      access_token: this.tokens.access(session),
      token_type: 'Bearer',
      expires_in: this.tokens.accessLifetime,
      refresh_token: this.tokens.refresh(session, session.last_used_at, session.expires_at),
    };
    return new JsonText(`${JSON.stringify(tokens).slice(0, -1)},"user":${session.user}}`);
  }
}

function idsOf({ user_id, session_id }: RefreshClaims): { user_id: string; session_id: string } {
  return { user_id, session_id };
}

function wrongCredentials() {
  return unauthorized(invalidCredentials.detail, invalidCredentials.code);
}
