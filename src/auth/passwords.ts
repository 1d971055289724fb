import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import { dictionary } from '@zxcvbn-ts/language-common';
import { argon2id, hash, needsRehash, verify } from 'argon2';
import { compare } from 'bcrypt';
import pLimit from 'p-limit';
import { Config } from '../core/config';
import { passwordRefusals } from '../core/metrics';
import { isVisibleText } from '../core/text';
import { invalid, Problem, unavailable } from '../core/problem';
import { currentNetwork } from '../core/request-context';
import { newSecret } from '../core/secrets';
import { inSpan } from '../core/tracing';

/** Maximum number of requests with passwords per core: of one network, and being processed for all networks. */
const admittedPerCore = 9;

/** Characters that a password must have in addition to the user's public names. */
const minOwnCharacters = 6;

/** Searched rarely, and in less time than a password is hashed: an index would only take memory. */
const commonPasswords = dictionary['passwords-common'];

/** Names of a user that are not secret. */
export interface PublicNames {
  email: string;
  username?: string | null;
  full_name?: string | null;
}

/**
 * Hashes and verifies passwords: one at a time per core and for a limited number of requests, so that other requests stay
 * fast. As many requests of one network are processed at a time as there are cores; its other requests wait, so that they
 * do not delay other networks.
 */
@Injectable()
export class Passwords {
  private readonly cost: { type: typeof argon2id } & Config['argon2'];
  private readonly queue: ReturnType<typeof pLimit>;
  private admitted = 0;
  private readonly networks = new Map<string, ReturnType<typeof pLimit>>();
  /** Verified if the account is unknown, so that the response takes the same time. */
  private readonly dummyHash: Promise<string>;

  constructor(config: Config) {
    // Several processes share the cores.
    this.queue = pLimit(Math.max(1, Math.floor(availableParallelism() / config.webConcurrency)));
    this.cost = { type: argon2id, ...config.argon2 };
    this.dummyHash = hash('not the password of any account', this.cost);
  }

  /**
   * Runs the work of a request that hashes passwords.
   * @param count counts the request against the limit of its network, before it takes a place of the limited number
   * @throws Problem 503, before the work starts, if there are too many such requests · what `count` and `work` throw
   */
  async admit<T>(count: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    const network = currentNetwork();
    const queue = this.networks.get(network) ?? pLimit(this.queue.concurrency);
    if (queue.activeCount + queue.pendingCount >= this.maxAdmitted) throw tooManyPasswords();
    this.networks.set(network, queue);
    try {
      return await queue(async () => {
        await count();
        if (this.admitted >= this.maxAdmitted) throw tooManyPasswords();
        this.admitted++;
        try {
          return await work();
        } finally {
          this.admitted--;
        }
      });
    } finally {
      if (queue.activeCount + queue.pendingCount === 0) this.networks.delete(network);
    }
  }

  /** Passwords that are being hashed, and requests that wait for it. */
  get state(): { running: number; waiting: number } {
    let waiting = this.queue.pendingCount;
    for (const { pendingCount } of this.networks.values()) waiting += pendingCount;
    return { running: this.queue.activeCount, waiting };
  }

  private get maxAdmitted(): number {
    return admittedPerCore * this.queue.concurrency;
  }

  /** Call it within `admit`. */
  hash(password: string): Promise<string> {
    return this.queue(() => inSpan('hash password', () => hash(normalize(password), this.cost)));
  }

  /** A hash for an account without a password: of a secret that nobody knows. Its user sets one with a mailed token. */
  unusableHash(): Promise<string> {
    return this.hash(newSecret());
  }

  /**
   * Call it within `admit`.
   * @param passwordHash undefined for an unknown account: the result is false, after the same time
   */
  async isRight(password: string, passwordHash: string | undefined): Promise<boolean> {
    const hashToVerify = passwordHash ?? (await this.dummyHash);
    // A bcrypt hash is of the password as the system that created the hash received it.
    const check = () =>
      isBcrypt(hashToVerify) ? compare(password, hashToVerify) : verify(hashToVerify, normalize(password));
    const isRight = await this.queue(() => inSpan('verify password', check));
    return isRight && passwordHash !== undefined;
  }

  /** Whether the hash is of bcrypt, or its cost differs from the configured one. */
  isOutdated(passwordHash: string): boolean {
    return isBcrypt(passwordHash) || needsRehash(passwordHash, this.cost);
  }

  /** @throws Problem 422 for a common password and for a password that consists mostly of the user's names */
  refuseGuessable(field: string, password: string, user: PublicNames): void {
    const lowerCase = normalize(password).toLowerCase();
    if ([...lowerCase].length < 8 || !isVisibleText(lowerCase)) {
      throw invalid([
        { field, code: 'too_short', message: 'must have at least 8 characters, and not only invisible ones' },
      ]);
    }
    if (commonPasswords.includes(lowerCase)) {
      const message =
        'is one of the most common passwords: choose another one, for example three or four unrelated words';
      throw invalid([{ field, code: 'too_common', message }]);
    }
    const withoutNames = namesOf(user).reduce((text, name) => text.replaceAll(name, ''), lowerCase);
    if ([...withoutNames].length < minOwnCharacters) {
      const message = `must have at least ${minOwnCharacters} characters that are not part of your name, username or email address`;
      throw invalid([{ field, code: 'too_personal', message }]);
    }
  }
}

function tooManyPasswords(): Problem {
  passwordRefusals.inc();
  return unavailable('Too many requests with passwords are being processed. Try again.');
}

/** A hash of an imported account. */
function isBcrypt(passwordHash: string): boolean {
  return passwordHash.startsWith('$2');
}

/** Keyboards compose the same characters differently. */
function normalize(password: string): string {
  return password.normalize('NFKC');
}

/** The names and their parts in lower case, longest first, so that a whole name is removed before its parts. */
function namesOf({ email, username, full_name }: PublicNames): string[] {
  const whole = [email, username, full_name, email.split('@')[0], 'cairn'];
  const parts = [email, full_name].flatMap((text) => (text ?? '').split(/[^\p{L}\p{N}]+/u));
  return [...whole, ...parts]
    .map((name) => normalize(name ?? '').toLowerCase())
    .filter((name) => name.length >= 3)
    .sort((a, b) => b.length - a.length);
}
