import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import type { CurrentUser } from '../http/current-user';
import { algorithm, audience, issuer, Tokens } from './tokens';

/** Reads the access token of a request. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(private readonly tokens: Tokens) {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      algorithms: [algorithm],
      issuer,
      audience,
      secretOrKeyProvider: (
        _request: unknown,
        token: string,
        done: (error: unknown, key?: Buffer) => void,
      ) => {
        if (tokens.hasAccessHeader(token)) done(null, tokens.key as unknown as Buffer);
        else done(new Error('not an access token'));
      },
    });
  }

  validate(claims: Record<string, unknown>): CurrentUser | false {
    return this.tokens.readAccess(claims) ?? false;
  }
}
