import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import { dictionary } from '@zxcvbn-ts/language-common';
import { argon2id, hash, needsRehash, verify } from 'argon2';
import pLimit from 'p-limit';
import { Config } from '../core/config';
import { isVisibleText } from '../core/text';
import { invalid, unavailable } from '../core/problem';

/** Of those who bring a password, how many may be served or wait for each core: more would wait in vain. */
const admittedPerCore = 9;

/** How much of a password must be left without what everybody knows of its user. */
const leastOwn = 6;

const commonPasswords = new Set(dictionary['passwords-common']);

/** What is known of a user, and so is no secret. */
export interface PublicWords {
  email: string;
  username?: string | null;
  full_name?: string | null;
}

/**
 * Hashes passwords, one at a time for each core, for so many requests as can be served soon: so the others are answered
 * meanwhile.
 */
@Injectable()
export class Passwords {
  private readonly cost: { type: typeof argon2id } & Config['argon2'];
  private readonly queue = pLimit(availableParallelism());
  private admitted = 0;
  /** The hash of no account's password, at the same cost: who signs in with an unknown name waits as long. */
  private readonly decoy: Promise<string>;

  constructor(config: Config) {
    this.cost = { type: argon2id, ...config.argon2 };
    this.decoy = hash('the password of nobody', this.cost);
  }

  /**
   * Does the work of a request that hashes. It is refused before anything is done or counted.
   * @throws Problem 503 when there are too many
   */
  async admit<T>(work: () => Promise<T>): Promise<T> {
    if (this.admitted >= admittedPerCore * this.queue.concurrency) {
      throw unavailable('Too many requests with passwords are being processed. Try again.');
    }
    this.admitted++;
    try {
      return await work();
    } finally {
      this.admitted--;
    }
  }

  /** To be called in `admit`. */
  hash(password: string): Promise<string> {
    return this.queue(() => hash(normal(password), this.cost));
  }

  /**
   * To be called in `admit`.
   * @param passwordHash absent where there is no such account: then the answer is false, after the same work
   */
  async isRight(password: string, passwordHash: string | undefined): Promise<boolean> {
    const compared = passwordHash ?? (await this.decoy);
    const isRight = await this.queue(() => verify(compared, normal(password)));
    return isRight && passwordHash !== undefined;
  }

  /** Whether the hash was made at another cost than the one of today. */
  isDated(passwordHash: string): boolean {
    return needsRehash(passwordHash, this.cost);
  }

  /** @throws Problem 422 naming the field, for a common password, and for little more than the user's own words */
  refuseGuessable(field: string, password: string, user: PublicWords): void {
    const folded = normal(password).toLowerCase();
    if ([...folded].length < 8 || !isVisibleText(folded)) {
      throw invalid([
        { field, code: 'too_short', message: 'must have at least 8 characters, and not only invisible ones' },
      ]);
    }
    if (commonPasswords.has(folded)) {
      const message =
        'is one of the most common passwords: choose another one, for example three or four unrelated words';
      throw invalid([{ field, code: 'too_common', message }]);
    }
    const rest = wordsOf(user).reduce((text, word) => text.replaceAll(word, ''), folded);
    if ([...rest].length < leastOwn) {
      const message = `must have at least ${leastOwn} characters that are not part of your name, username or email address`;
      throw invalid([{ field, code: 'too_personal', message }]);
    }
  }
}

/** The same password, however the keyboard composes its characters. */
function normal(password: string): string {
  return password.normalize('NFKC');
}

/** Longest first: a part must not spoil the whole. */
function wordsOf({ email, username, full_name }: PublicWords): string[] {
  const whole = [email, username, full_name, email.split('@')[0], 'cairn'];
  const parts = [email, full_name].flatMap((text) => (text ?? '').split(/[^\p{L}\p{N}]+/u));
  return [...whole, ...parts]
    .map((word) => normal(word ?? '').toLowerCase())
    .filter((word) => word.length >= 3)
    .sort((a, b) => b.length - a.length);
}
