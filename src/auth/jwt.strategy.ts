import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-jwt';
import type { CurrentUser } from '../http/current-user';
import { algorithm, audience, issuer, Tokens } from './tokens';

/** Linear in the length of the header, which the extractor that comes with passport-jwt is not. */
function bearerToken({ headers }: { headers: { authorization?: string } }): string | null {
  return /^Bearer ([\w.-]+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** Reads the access token of a request. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(private readonly tokens: Tokens) {
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
        if (tokens.hasAccessHeader(token)) done(null, tokens.key as unknown as Buffer);
        else done(new Error('not an access token'));
      },
    });
  }

  validate(claims: Record<string, unknown>): CurrentUser | false {
    return this.tokens.readAccess(claims) ?? false;
  }
}
