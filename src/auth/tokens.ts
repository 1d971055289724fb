import { createHash, createSecretKey, KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService, JwtVerifyOptions } from '@nestjs/jwt';
import { Config } from '../config';
import type { CurrentUser } from '../http/current-user';
import { isId } from '../http/fields';

export const issuer = 'cairn';
export const audience = 'cairn-api';
export const algorithm = 'HS256';

/** The `typ` of each kind of token: one is never taken for the other. */
const types = { access: 'at+jwt', refresh: 'rt+jwt' } as const;

interface Header {
  alg: string;
  typ?: string;
  kid?: string;
}

/** Seconds by which clocks may differ. */
const tolerance = 5;

/** What a refresh token says: the session, and which of its refresh tokens this one is. */
export interface RefreshClaims extends CurrentUser {
  generation: number;
}

/** Makes and reads JSON Web Tokens. */
@Injectable()
export class Tokens {
  /** A KeyObject: a string would be parsed as a public key on every call. */
  readonly key: KeyObject;
  private readonly keyId: string;

  constructor(
    private readonly jwt: JwtService,
    private readonly config: Config,
  ) {
    this.key = createSecretKey(Buffer.from(config.jwtSecret));
    this.keyId = createHash('sha256').update(`key id of ${config.jwtSecret}`).digest('base64url').slice(0, 8);
  }

  /** Seconds for which an access token is valid. */
  get accessLifetime(): number {
    return this.config.accessTokenMinutes * 60;
  }

  access({ user_id, session_id }: CurrentUser): string {
    const iat = Math.floor(Date.now() / 1000);
    return this.sign(types.access, { sub: user_id, sid: session_id, iat, exp: iat + this.accessLifetime });
  }

  /** Always the same token for the same session and generation: what is lost on the way can be given again. */
  refresh({ user_id, session_id, generation }: RefreshClaims, issuedAt: Date, expiresAt: Date): string {
    const [iat, exp] = [issuedAt, expiresAt].map((time) => Math.floor(time.getTime() / 1000));
    return this.sign(types.refresh, { sub: user_id, sid: session_id, gen: generation, iat, exp });
  }

  /** Undefined for anything but a refresh token of ours that is still valid. */
  readRefresh(token: string): RefreshClaims | undefined {
    try {
      const key = this.key as unknown as Buffer;
      const checks: JwtVerifyOptions & { complete: true } = {
        secret: key,
        algorithms: [algorithm],
        issuer,
        audience,
        complete: true,
      };
      const { header, payload } = this.jwt.verify<{ header: Header; payload: Record<string, unknown> }>(
        token,
        checks,
      );
      const { sub, sid, gen } = payload;
      if (!this.isHeaderOf(types.refresh, header) || !isId(sub) || !isId(sid) || typeof gen !== 'number')
        return undefined;
      return { user_id: sub, session_id: sid, generation: gen };
    } catch {
      return undefined;
    }
  }

  /** Whether an access token's header is one that we write. */
  hasAccessHeader(token: string): boolean {
    try {
      const [header = ''] = token.split('.', 1);
      return this.isHeaderOf(types.access, JSON.parse(Buffer.from(header, 'base64url').toString()) as Header);
    } catch {
      return false;
    }
  }

  /** The user of an access token whose signature, issuer, audience and expiry have been checked; else undefined. */
  readAccess({ sub, sid, iat, exp }: Record<string, unknown>): CurrentUser | undefined {
    const now = Date.now() / 1000;
    const isTimely =
      typeof iat === 'number' &&
      typeof exp === 'number' &&
      iat <= now + tolerance &&
      exp <= iat + this.accessLifetime;
    return isTimely && isId(sub) && isId(sid) ? { user_id: sub, session_id: sid } : undefined;
  }

  private isHeaderOf(typ: string, header: Header | null): boolean {
    return header?.typ === typ && header.kid === this.keyId && Object.keys(header).length === 3;
  }

  private sign(typ: string, claims: object): string {
    return this.jwt.sign(
      { ...claims, iss: issuer, aud: audience },
      { secret: this.key as unknown as Buffer, algorithm, header: { alg: algorithm, typ, kid: this.keyId } },
    );
  }
}
