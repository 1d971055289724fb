import { createHash } from 'node:crypto';
import { Injectable, Logger, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Config, RateLimit } from '../core/config';
import { networkOf } from '../core/network-address';
import { Problem } from '../core/problem';
import { appendResponseHeader, currentAddress } from '../core/request-context';
import { HitCount, LimitCheck, RateLimitsRepository } from './rate-limits.repository';

interface Rule {
  name: string;
  limit: RateLimit;
  /** Whom it is about. */
  subject: string;
  /** Seconds up to which the waits grow; absent where one waits until the window ends. */
  longestWait?: number;
}

type ActiveRule = Rule & { limit: NonNullable<RateLimit> };

/** Requests that were counted in advance, for this instance to allow without asking PostgreSQL. */
interface Lease {
  left: number;
  /** What other instances, and later leases of this one, can still get. */
  unleased: number;
  /** Milliseconds since 1970. */
  endsAt: number;
}

/** An instance leases this fraction of a user's requests at a time: fewer statements, and never more than the quota. */
const leasesPerWindow = 50;

const purgeInterval = 60_000;

/**
 * Limits how often something may be requested. The counts are in PostgreSQL, so that all instances share them and they
 * survive a restart.
 */
@Injectable()
export class RateLimiter implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('RateLimiter');
  private readonly leases = new Map<string, Promise<Lease>>();
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly rateLimits: RateLimitsRepository,
    private readonly config: Config,
  ) {}

  onModuleInit(): void {
    if (!this.config.rateLimits) return;
    this.timer = setInterval(() => void this.purge(), purgeInterval).unref();
    void this.purge();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * To be called before a password is checked: it counts as wrong until `passwordWasRight`.
   * @param account the name that was entered to sign in, or the id of the signed-in user
   * @param place a network or session in which the owner is known: wrong passwords from elsewhere do not count there
   * @throws Problem 429
   */
  async countPassword(account: string, place?: string): Promise<void> {
    const { passwordAddress, passwordAccount, longestWait } = this.config.rateLimits ?? {};
    await this.count([
      { name: 'password-address', limit: passwordAddress, subject: currentNetwork() },
      { name: 'password-account', limit: passwordAccount, subject: at(account, place), longestWait },
    ]);
  }

  /** Takes the last count back; in a place where the owner is known, all of them. */
  async passwordWasRight(account: string, place?: string): Promise<void> {
    if (place !== undefined) await this.resetPasswordCounts([at(account, place)]);
    else await this.takeBack({ name: 'password-account', subject: account });
  }

  /** After a new password was set: forgets the wrong ones from this network and from unknown places. */
  async passwordWasReset(accounts: (string | undefined)[]): Promise<void> {
    const known = accounts.filter((account) => account !== undefined);
    await this.resetPasswordCounts(known.flatMap((account) => [account, at(account, currentNetwork())]));
  }

  /** To be called before a password is hashed that needs no protection against guessing. @throws Problem 429 */
  async countHash(): Promise<void> {
    const limit = this.config.rateLimits?.passwordAddress;
    await this.count([{ name: 'password-address', limit, subject: currentNetwork() }]);
  }

  /** To be called before a mail is requested. @throws Problem 429 */
  async countMail(email: string): Promise<void> {
    const { mailAddress, mailAccount, longestWait } = this.config.rateLimits ?? {};
    await this.count([
      { name: 'mail-address', limit: mailAddress, subject: currentNetwork() },
      { name: 'mail-account', limit: mailAccount, subject: email, longestWait },
    ]);
  }

  /** Takes the count of a mailbox back: failed attempts of others must not use up the quota of its owner. */
  async mailWasNotSent(email: string): Promise<void> {
    await this.takeBack({ name: 'mail-account', subject: email });
  }

  /**
   * @returns a function that takes the count back, for requests with a session that turns out to have ended
   * @throws Problem 429
   */
  async countRequest(userId: string): Promise<(() => void) | undefined> {
    const limit = this.config.rateLimits?.user;
    if (!limit) return undefined;
    const lease = await this.takeFromLease({ name: 'user', limit, subject: userId });
    return () => lease.left++;
  }

  /** The limit is that of requests. @throws Problem 429 */
  async countRefresh(sessionId: string): Promise<void> {
    const limit = this.config.rateLimits?.user;
    if (limit) await this.takeFromLease({ name: 'refresh', limit, subject: sessionId });
  }

  /** Whether no instance has called this with the same name within so many seconds: for periodic work of one instance. */
  async isFirstWithin(seconds: number, name: string): Promise<boolean> {
    const limit = { quota: 1, window: seconds };
    const [count] = await this.rateLimits.countHits([{ key: keyOf({ name, subject: '' }), limit }]);
    return count!.is_allowed;
  }

  private async resetPasswordCounts(subjects: string[]): Promise<void> {
    if (!this.config.rateLimits?.passwordAccount) return;
    await this.rateLimits.reset(subjects.map((subject) => keyOf({ name: 'password-account', subject })));
  }

  private async takeBack(rule: Pick<Rule, 'name' | 'subject'>): Promise<void> {
    if (this.config.rateLimits) await this.rateLimits.takeBack(keyOf(rule));
  }

  private async takeFromLease(rule: ActiveRule): Promise<Lease> {
    const { subject, limit } = rule;
    for (;;) {
      const pending = this.leases.get(subject) ?? this.startLease(rule);
      const lease = await pending;
      const isOver = lease.endsAt <= Date.now();
      if (!isOver && (lease.left > 0 || lease.unleased === 0)) {
        const isAllowed = lease.left > 0;
        if (isAllowed) lease.left--;
        const seconds = Math.max(1, Math.ceil((lease.endsAt - Date.now()) / 1000));
        const used = limit.quota - lease.unleased - lease.left;
        report(rule, { is_allowed: isAllowed, used, seconds });
        return lease;
      }
      if (this.leases.get(subject) === pending) this.leases.delete(subject);
    }
  }

  private startLease(rule: ActiveRule): Promise<Lease> {
    const lease = this.lease(rule);
    this.leases.set(rule.subject, lease);
    const forget = () => {
      if (this.leases.get(rule.subject) === lease) this.leases.delete(rule.subject);
    };
    lease.then(({ endsAt }) => setTimeout(forget, endsAt - Date.now()).unref(), forget);
    return lease;
  }

  private async lease(rule: ActiveRule): Promise<Lease> {
    const { quota } = rule.limit;
    const wanted = Math.ceil(quota / leasesPerWindow);
    const [count] = await this.rateLimits.countHits([toCheck(rule)], wanted);
    const { is_allowed, used, seconds } = count!;
    // An instance that is configured with a lower quota may have refused already: then nothing is left here either.
    const unleased = is_allowed ? Math.max(0, quota - used) : 0;
    const left = is_allowed ? wanted - Math.max(0, used - quota) : 0;
    return { left, unleased, endsAt: Date.now() + seconds * 1000 };
  }

  private async count(rules: Rule[]): Promise<void> {
    const active = rules.filter((rule): rule is ActiveRule => rule.limit !== undefined);
    if (active.length === 0) return;
    const counts = await this.rateLimits.countHits(active.map(toCheck));
    counts.forEach((count, index) => report(active[index]!, count));
  }

  private async purge(): Promise<void> {
    await this.rateLimits
      .deleteExpired()
      .catch((error: unknown) => this.logger.warn(`Expired rate limits were not deleted: ${String(error)}`));
  }
}

/** Adds the headers of draft-ietf-httpapi-ratelimit-headers to the response. @throws Problem 429 */
function report({ name, limit }: ActiveRule, { is_allowed, used, seconds }: HitCount): void {
  appendResponseHeader('ratelimit-policy', `"${name}";q=${limit.quota};w=${limit.window}`);
  appendResponseHeader('ratelimit', `"${name}";r=${Math.max(0, limit.quota - used)};t=${seconds}`);
  if (is_allowed) return;
  const detail = `Too many requests. Try again in ${seconds} second${seconds === 1 ? '' : 's'}.`;
  throw new Problem(429, 'rate_limited', detail, undefined, { 'retry-after': String(seconds) });
}

function toCheck(rule: ActiveRule): LimitCheck {
  return { key: keyOf(rule), limit: rule.limit, longestWait: rule.longestWait };
}

/** Only a hash of the subject is stored: people may enter their password in the wrong field. */
function keyOf({ name, subject }: Pick<Rule, 'name' | 'subject'>): string {
  return `${name}:${createHash('sha256').update(subject).digest('base64url')}`;
}

function at(account: string, place: string | undefined): string {
  return place === undefined ? account : `${account} at ${place}`;
}

/** All clients whose address is unknown count as one network. */
function currentNetwork(): string {
  const address = currentAddress();
  return address === null ? 'unknown' : networkOf(address);
}
