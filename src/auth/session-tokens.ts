import { createHash, createSecretKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { Config } from '../core/config';
import { isId } from '../core/ids';

export const issuer = 'cairn';
export const audience = 'cairn-api';
export const algorithm = 'HS256';

/** The `typ` of each kind of token, so that one is not accepted in place of the other. */
const types = { access: 'at+jwt', refresh: 'rt+jwt' } as const;

interface Header {
  typ?: string;
  kid?: string;
}

interface SigningKey {
  id: string;
  /** Actually a KeyObject, which the types do not allow. A string would be parsed as a public key on every call. */
  key: Buffer;
}

/** Seconds by which the clocks of instances may differ. */
const clockTolerance = 5;

export interface SessionKey {
  user_id: string;
  session_id: string;
}

/** The contents of a refresh token: its session, and its number among the refresh tokens of the session. */
export interface RefreshClaims extends SessionKey {
  generation: number;
}

/** Creates and verifies the JSON Web Tokens of sessions. Several keys are accepted, so that keys can be rotated. */
@Injectable()
export class SessionTokens {
  private readonly signing: SigningKey;
  private readonly accepted: Map<string, SigningKey>;

  constructor(
    private readonly jwt: JwtService,
    private readonly config: Config,
  ) {
    this.signing = signingKey(config.jwtSecret);
    const keys = [this.signing, ...config.jwtAcceptedSecrets.map(signingKey)];
    this.accepted = new Map(keys.map((key) => [key.id, key]));
  }

  /** Seconds for which an access token is valid. */
  get accessLifetime(): number {
    return this.config.accessTokenMinutes * 60;
  }

  access({ user_id, session_id }: SessionKey): string {
    const iat = Math.floor(Date.now() / 1000);
    return this.sign(types.access, { sub: user_id, sid: session_id, iat, exp: iat + this.accessLifetime });
  }

  /** Always the same token for the same session and generation, so that a lost response can be repeated. */
  refresh({ user_id, session_id, generation }: RefreshClaims, issuedAt: Date, expiresAt: Date): string {
    const [iat, exp] = [issuedAt, expiresAt].map((time) => Math.floor(time.getTime() / 1000));
    return this.sign(types.refresh, { sub: user_id, sid: session_id, gen: generation, iat, exp });
  }

  /** @returns undefined unless the token is a valid refresh token */
  readRefresh(token: string): RefreshClaims | undefined {
    const secret = this.keyOf(token, 'refresh');
    if (!secret) return undefined;
    try {
      const checks = { secret, algorithms: [algorithm] as [typeof algorithm], issuer, audience };
      const { sub, sid, gen } = this.jwt.verify<Record<string, unknown>>(token, checks);
      if (!isId(sub) || !isId(sid) || typeof gen !== 'number') return undefined;
      return { user_id: sub, session_id: sid, generation: gen };
    } catch {
      return undefined;
    }
  }

  /** The key that signed a token. @returns undefined if the header is not one that this class writes */
  keyOf(token: string, type: keyof typeof types): Buffer | undefined {
    try {
      const [encoded = ''] = token.split('.', 1);
      const header = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as Header | null;
      const isKnownHeader = header?.typ === types[type] && Object.keys(header).length === 3;
      return isKnownHeader ? this.accepted.get(header.kid ?? '')?.key : undefined;
    } catch {
      return undefined;
    }
  }

  /** @param claims of an access token, after its signature, issuer, audience and expiry were verified */
  readAccess(claims: Record<string, unknown>): SessionKey | undefined {
    const { sub, sid, iat, exp } = claims;
    const now = Date.now() / 1000;
    const hasValidTimes =
      typeof iat === 'number' &&
      typeof exp === 'number' &&
      iat <= now + clockTolerance &&
      exp <= iat + this.accessLifetime;
    return hasValidTimes && isId(sub) && isId(sid) ? { user_id: sub, session_id: sid } : undefined;
  }

  private sign(typ: string, claims: object): string {
    const { id, key } = this.signing;
    return this.jwt.sign(
      { ...claims, iss: issuer, aud: audience },
      { secret: key, algorithm, header: { alg: algorithm, typ, kid: id } },
    );
  }
}

function signingKey(secret: string): SigningKey {
  const id = createHash('sha256').update(`key id of ${secret}`).digest('base64url').slice(0, 8);
  return { id, key: createSecretKey(Buffer.from(secret)) as unknown as Buffer };
}
