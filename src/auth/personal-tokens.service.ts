import { Injectable } from '@nestjs/common';
import { JsonText } from '../core/json-text';
import { invalid, unauthorized } from '../core/problem';
import { CreatePersonalToken } from './personal-token.dto';
import { logSecurityEvent } from '../core/security-events';
import { PersonalTokensRepository, TokenOwner } from './personal-tokens.repository';
import { newSecret, secretHash } from '../core/secrets';

/** Makes tokens recognizable to people and to programs that look for leaked secrets. */
const prefix = 'cairn_';

/** Milliseconds for which the owner of a token is cached. After that, the use of the token is recorded again. */
const cacheDuration = 60_000;

/** Milliseconds. */
const defaultLifetime = 90 * 86_400_000;

const maxCachedOwners = 10_000;

/** Creates and authenticates personal access tokens. */
@Injectable()
export class PersonalTokensService {
  /** The owner and the scopes of a token never change. Every transaction checks whether it is still valid. */
  private readonly owners = new Map<string, TokenOwner & { expiresAt: number }>();

  constructor(private readonly repository: PersonalTokensRepository) {}

  /** @throws Problem 422 if `expires_at` is in the past */
  async create({ name, scopes, expires_at }: CreatePersonalToken): Promise<JsonText> {
    const expiresAt = expires_at ?? new Date(Date.now() + defaultLifetime).toISOString();
    if (new Date(expiresAt) <= new Date()) {
      throw invalid([{ field: 'expires_at', code: 'past', message: 'must be in the future' }]);
    }
    const token = prefix + newSecret();
    const values = { name, scopes, expires_at: expiresAt, token_hash: secretHash(token) };
    const { text } = await this.repository.insert(values);
    const { id } = JSON.parse(text) as { id: string };
    logSecurityEvent('token_created', { token_id: id });
    return new JsonText(`${text.slice(0, -1)},"token":${JSON.stringify(token)}}`);
  }

  /** @throws Problem 404 */
  async revoke(id: string): Promise<void> {
    await this.repository.delete(id);
    logSecurityEvent('token_revoked', { token_id: id });
  }

  /** @returns the token if it is a personal access token, otherwise undefined */
  recognize(token: string | null): string | undefined {
    return token?.startsWith(prefix) ? token : undefined;
  }

  /** @throws Problem 401 */
  async authenticate(token: string): Promise<TokenOwner> {
    const hash = secretHash(token);
    const key = hash.toString('base64');
    const cached = this.owners.get(key);
    if (cached && cached.expiresAt > Date.now()) return cached;
    this.owners.delete(key);
    const owner = await this.repository.use(hash);
    if (!owner) throw unauthorized('The personal access token is unknown, revoked or expired.');
    const [oldest] = this.owners.keys();
    if (oldest !== undefined && this.owners.size >= maxCachedOwners) this.owners.delete(oldest);
    this.owners.set(key, { ...owner, expiresAt: Date.now() + cacheDuration });
    return owner;
  }
}
