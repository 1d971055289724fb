import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-jwt';
import { bearerToken } from './bearer-token';
import { algorithm, audience, issuer, SessionKey, SessionTokens } from './session-tokens';

/** Authenticates a request by its access token. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(private readonly tokens: SessionTokens) {
    super({
      jwtFromRequest: bearerToken,
      algorithms: [algorithm],
      issuer,
      audience,
      secretOrKeyProvider: (
        _request: unknown,
        token: string,
        done: (error: unknown, key?: Buffer) => void,
      ) => {
        const key = tokens.keyOf(token, 'access');
        if (key) done(null, key);
        else done(new Error('not an access token'));
      },
    });
  }

  validate(claims: Record<string, unknown>): SessionKey | false {
    return this.tokens.readAccess(claims) ?? false;
  }
}
