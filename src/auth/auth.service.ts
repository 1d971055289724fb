import { Injectable } from '@nestjs/common';
import { Config } from '../config';
import { readEmail } from '../http/fields';
import { JsonText } from '../http/json-text';
import { invalid, unauthorized } from '../http/problem';
import { AccountsRepository, Device, SessionState } from './accounts.repository';
import { Login, Register } from './auth.dto';
import { hashPassword, isPassword } from './passwords';
import { Tokens } from './tokens';

/** The rules of sign-up, sign-in and staying signed in. */
@Injectable()
export class AuthService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly tokens: Tokens,
    private readonly config: Config,
  ) {}

  /** @throws Problem 409 `email_taken`, `username_taken` */
  async register({ password, ...user }: Register): Promise<JsonText> {
    return this.accounts.create({ ...user, password_hash: await hashPassword(password) });
  }

  /** @throws Problem 401, the same whatever was wrong */
  async login({ email, username, password }: Login, device: Device): Promise<JsonText> {
    const name = email ?? username;
    if (name === undefined || (email !== undefined && username !== undefined)) {
      throw invalid([{ field: 'email', code: 'required', message: 'give either email or username' }]);
    }
    const account = await this.accounts.find(readEmail(name));
    const isRight = await isPassword(password, account?.password_hash);
    if (!account || !isRight || !account.is_active) throw invalidCredentials();
    const session = await this.accounts.openSession(account.id, device, this.config.refreshTokenDays);
    if (!session) throw invalidCredentials();
    return this.answer(session);
  }

  /** @throws Problem 401; a token that was used before also ends its session */
  async refresh(token: string): Promise<JsonText> {
    const claims = this.tokens.readRefresh(token);
    const session = claims && (await this.accounts.refreshSession(claims, this.config.refreshTokenDays));
    if (!session)
      throw unauthorized('The refresh token is not valid any more. Sign in again.', 'invalid_refresh_token');
    return this.answer(session);
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
  return unauthorized('The name or the password is not right.', 'invalid_credentials');
}
