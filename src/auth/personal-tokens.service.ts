import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { invalid, unauthorized } from '../core/problem';
import { CreatePersonalToken } from './personal-token.dto';
import { PersonalTokensRepository, TokenOwner } from './personal-tokens.repository';
import { newSecret, secretHash } from '../core/secrets';

/** Makes tokens recognizable to people and to programs that look for leaked secrets. */
const prefix = 'cairn_';

/** Milliseconds for which a token's owner is remembered. After that, the use of the token is recorded again. */
const memory = 60_000;

/** Milliseconds for which a token without a given end is valid. */
const defaultLifetime = 90 * 86_400_000;

const maxRemembered = 10_000;

/** Creates personal access tokens, and finds out who they belong to. */
@Injectable()
export class PersonalTokensService {
  /** The owner and the scopes of a token never change. Whether it is still valid is checked with every request. */
  private readonly owners = new Map<string, TokenOwner & { until: number }>();

  constructor(private readonly repository: PersonalTokensRepository) {}

  /** @throws Problem 422 when the token would already be expired */
  async create({ name, scopes, expires_at }: CreatePersonalToken): Promise<JsonText> {
    const end = expires_at ?? new Date(Date.now() + defaultLifetime).toISOString();
    if (new Date(end) <= new Date()) {
      throw invalid([{ field: 'expires_at', code: 'past', message: 'must be in the future' }]);
    }
    const token = prefix + newSecret();
    const values = { name, scopes, expires_at: end, token_hash: secretHash(token) };
    const { text } = await this.repository.insert(values);
    return new JsonText(`${text.slice(0, -1)},"token":${JSON.stringify(token)}}`);
  }

  /** The token, if it is a personal access token. */
  recognize(token: string | null): string | undefined {
    return token?.startsWith(prefix) ? token : undefined;
  }

  /** @throws Problem 401 */
  async authenticate(token: string): Promise<TokenOwner> {
    const hash = secretHash(token);
    const key = hash.toString('base64');
    const known = this.owners.get(key);
    if (known && known.until > Date.now()) return known;
    this.owners.delete(key);
    const owner = await this.repository.use(hash);
    if (!owner) throw unauthorized('The personal access token is unknown, revoked or expired.');
    const [oldest] = this.owners.keys();
    if (oldest !== undefined && this.owners.size >= maxRemembered) this.owners.delete(oldest);
    this.owners.set(key, { ...owner, until: Date.now() + memory });
    return owner;
  }
}
