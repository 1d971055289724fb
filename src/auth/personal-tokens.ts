import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { invalid, unauthorized } from '../core/problem';
import { CreatePersonalToken } from './personal-token.dto';
import type { Scope } from './personal-token.entity';
import { PersonalTokensRepository } from './personal-tokens.repository';
import { newSecret, secretHash } from '../core/secrets';

interface Bearer {
  user_id: string;
  token_id: string;
  scopes: Scope[];
}

/** Tells what it is to people and to programs that look for leaked secrets. */
const prefix = 'cairn_';

/** Milliseconds after which a token is looked up, and noted as used, again. */
const memory = 60_000;

/** Milliseconds for which a token serves that names no end. */
const defaultLife = 90 * 86_400_000;

const maxRemembered = 10_000;

/** Makes personal tokens, and tells whose they are. */
@Injectable()
export class PersonalTokens {
  /** Whose a token is, and what for, never changes. Whether it still lives is asked with every request. */
  private readonly known = new Map<string, Bearer & { until: number }>();

  constructor(private readonly repository: PersonalTokensRepository) {}

  /** @throws Problem 422 for an end that is past */
  async create({ name, scopes, expires_at }: CreatePersonalToken): Promise<JsonText> {
    const end = expires_at ?? new Date(Date.now() + defaultLife).toISOString();
    if (new Date(end) <= new Date()) {
      throw invalid([{ field: 'expires_at', code: 'past', message: 'must be in the future' }]);
    }
    const token = prefix + newSecret();
    const values = { name, scopes, expires_at: end, token_hash: secretHash(token) };
    const { text } = await this.repository.insert(values);
    return new JsonText(`${text.slice(0, -1)},"token":${JSON.stringify(token)}}`);
  }

  /** The token, if it is one of this kind. */
  recognize(token: string | null): string | undefined {
    return token?.startsWith(prefix) ? token : undefined;
  }

  /** @throws Problem 401 */
  async authenticate(token: string): Promise<Bearer> {
    const hash = secretHash(token);
    const key = hash.toString('base64');
    const known = this.known.get(key);
    if (known && known.until > Date.now()) return known;
    this.known.delete(key);
    const bearer = await this.repository.use(hash);
    if (!bearer) throw unauthorized('The personal access token is unknown, revoked or expired.');
    const [oldest] = this.known.keys();
    if (oldest !== undefined && this.known.size >= maxRemembered) this.known.delete(oldest);
    this.known.set(key, { ...bearer, until: Date.now() + memory });
    return bearer;
  }
}
