import { createHash } from 'node:crypto';
import { Injectable, Logger, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Config, RateLimit } from '../core/config';
import { rateLimitRefusals } from '../core/metrics';
import { Problem } from '../core/problem';
import { appendResponseHeader, currentNetwork } from '../core/request-context';
import { HitCount, LimitCheck, RateLimitsRepository } from './rate-limits.repository';

interface Rule {
  name: string;
  limit: RateLimit;
  /** What the limit applies to: a user, an account, a network or a session. */
  subject: string;
  /** Maximum wait in seconds. With it, waits double from one second; without it, the wait lasts until the window ends. */
  longestWait?: number;
}

type ActiveRule = Rule & { limit: NonNullable<RateLimit> };

/** Hits that were counted in PostgreSQL in advance, so that this instance can allow them without a query. */
interface Lease {
  remaining: number;
  /** Hits that are left for other instances and for later leases of this instance. */
  unleased: number;
  /** Milliseconds since the epoch. */
  endsAt: number;
}

/** The processes of an instance lease this fraction of the quota at a time, to reduce the number of statements. */
const leasesPerWindow = 50;

const purgeInterval = 60_000;

/**
 * Limits how often something may be requested. The counts are in PostgreSQL, so that all instances share them and they
 * survive a restart.
 */
@Injectable()
export class RateLimiter implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('RateLimiter');
  /**
   * A promise only until PostgreSQL has counted: promises, and timers, keep the context of the request that created them,
   * and with it the request.
   */
  private readonly leases = new Map<string, Lease | Promise<Lease>>();
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

  /** Counts a request that hashes a password, for the network. @throws Problem 429 */
  async countPasswordNetwork(): Promise<void> {
    const limit = this.config.rateLimits?.passwordAddress;
    await this.count([{ name: 'password-address', limit, subject: currentNetwork() }]);
  }

  /**
   * Call it before a password is checked. The password counts as wrong until `passwordWasRight` is called.
   * @param account the name that was entered to sign in, or the id of the signed-in user
   * @param trustedSource a network or session that the owner has used before, which has a separate count: wrong passwords
   * from elsewhere cannot lock the owner out there
   * @throws Problem 429
   */
  async countPassword(account: string, trustedSource?: string): Promise<void> {
    const { passwordAccount, longestWait } = this.config.rateLimits ?? {};
    const subject = subjectOf(account, trustedSource);
    await this.count([{ name: 'password-account', limit: passwordAccount, subject, longestWait }]);
  }

  /**
   * Call it before the password of a sign-in is checked. In a network where someone has signed in before, each name has
   * its own count, whether or not it belongs to an account, and a password that is refused because of the attempts in
   * other networks looks like a wrong one. Otherwise, others in the owner's network could tell that the account exists.
   * @param isOwnNetwork whether this account has signed in there: attempts in other networks do not matter
   * @returns whether the password may be checked; if not, it must be treated as wrong
   * @throws Problem 429
   */
  async countSignIn(name: string, isOwnNetwork: boolean): Promise<boolean> {
    const { passwordAccount: limit, longestWait } = this.config.rateLimits ?? {};
    if (!limit) return true;
    const network = currentNetwork();
    const [signIns] = await this.rateLimits.countHits([signInsFrom(network)], 0);
    if (!isOwnNetwork && signIns!.used === 0) {
      await this.countPassword(name);
      return true;
    }
    // Two counts also for the owner, so that the response takes the same time.
    const subjects = [subjectOf(name, network), isOwnNetwork ? subjectOf(name, 'own networks') : name];
    const rules = subjects.map((subject) => ({ name: 'password-account', limit, subject, longestWait }));
    const [own, total] = await this.rateLimits.countHits(rules.map(toCheck));
    report(rules[0]!, own!);
    return isOwnNetwork || total!.is_allowed;
  }

  /** Call it after a sign-in: undoes its count, resets the count in this network, and remembers the network. */
  async signInWasRight(name: string, isOwnNetwork: boolean): Promise<void> {
    if (!this.config.rateLimits?.passwordAccount) return;
    const network = currentNetwork();
    if (!isOwnNetwork) await this.undoHit({ name: 'password-account', subject: name });
    await this.resetPasswordCounts([subjectOf(name, network)]);
    await this.rateLimits.countHits([signInsFrom(network)]);
  }

  /** Undoes the last count; resets the count for a trusted source. */
  async passwordWasRight(account: string, trustedSource?: string): Promise<void> {
    if (trustedSource !== undefined) await this.resetPasswordCounts([subjectOf(account, trustedSource)]);
    else await this.undoHit({ name: 'password-account', subject: account });
  }

  /** Call it after a password reset. Resets the counts for this network and for untrusted sources. */
  async passwordWasReset(accounts: (string | undefined)[]): Promise<void> {
    const names = accounts.filter((account) => account !== undefined);
    await this.resetPasswordCounts(names.flatMap((name) => [name, subjectOf(name, currentNetwork())]));
  }

  /** Call it before a mail is enqueued. @throws Problem 429 */
  async countMail(email: string): Promise<void> {
    await this.countMailNetwork();
    await this.countMailbox(email);
  }

  /** The part of `countMail` for the network. @throws Problem 429 */
  async countMailNetwork(): Promise<void> {
    const limit = this.config.rateLimits?.mailAddress;
    await this.count([{ name: 'mail-address', limit, subject: currentNetwork() }]);
  }

  /** The part of `countMail` for the recipient. @throws Problem 429 */
  async countMailbox(email: string): Promise<void> {
    const { mailAccount, longestWait } = this.config.rateLimits ?? {};
    await this.count([{ name: 'mail-account', limit: mailAccount, subject: email, longestWait }]);
  }

  /** Undoes the count for a mailbox, so that failed requests of others do not use up the quota of its owner. */
  async mailWasNotSent(email: string): Promise<void> {
    await this.undoHit({ name: 'mail-account', subject: email });
  }

  /**
   * @returns a function that undoes the count, for requests with a session that is no longer valid
   * @throws Problem 429
   */
  async countRequest(userId: string): Promise<(() => void) | undefined> {
    const limit = this.config.rateLimits?.user;
    if (!limit) return undefined;
    const lease = await this.takeFromLease({ name: 'user', limit, subject: userId });
    return () => lease.remaining++;
  }

  /** Uses the limit of requests. @throws Problem 429 */
  async countRefresh(sessionId: string): Promise<void> {
    const limit = this.config.rateLimits?.user;
    if (limit) await this.takeFromLease({ name: 'refresh', limit, subject: sessionId });
  }

  /** Whether this is the first call with this name in all instances within a number of seconds. For periodic jobs. */
  async isFirstWithin(seconds: number, name: string): Promise<boolean> {
    const limit = { quota: 1, window: seconds };
    const [count] = await this.rateLimits.countHits([{ key: keyOf({ name, subject: '' }), limit }]);
    return count!.is_allowed;
  }

  private async resetPasswordCounts(subjects: string[]): Promise<void> {
    if (!this.config.rateLimits?.passwordAccount) return;
    await this.rateLimits.reset(subjects.map((subject) => keyOf({ name: 'password-account', subject })));
  }

  private async undoHit(rule: Pick<Rule, 'name' | 'subject'>): Promise<void> {
    if (this.config.rateLimits) await this.rateLimits.undoHit(keyOf(rule));
  }

  private async takeFromLease(rule: ActiveRule): Promise<Lease> {
    const { subject, limit } = rule;
    for (;;) {
      const lease = await (this.leases.get(subject) ?? this.startLease(rule));
      const hasEnded = lease.endsAt <= Date.now();
      if (!hasEnded && (lease.remaining > 0 || lease.unleased === 0)) {
        const isAllowed = lease.remaining > 0;
        if (isAllowed) lease.remaining--;
        const seconds = Math.max(1, Math.ceil((lease.endsAt - Date.now()) / 1000));
        const used = limit.quota - lease.unleased - lease.remaining;
        report(rule, { is_allowed: isAllowed, used, seconds });
        return lease;
      }
      if (this.leases.get(subject) === lease) this.leases.delete(subject);
    }
  }

  private async startLease(rule: ActiveRule): Promise<Lease> {
    const pending = this.lease(rule);
    this.leases.set(rule.subject, pending);
    try {
      const lease = await pending;
      this.leases.set(rule.subject, lease);
      return lease;
    } catch (error) {
      this.leases.delete(rule.subject);
      throw error;
    }
  }

  private async lease(rule: ActiveRule): Promise<Lease> {
    const { quota } = rule.limit;
    const requested = Math.ceil(quota / leasesPerWindow / this.config.webConcurrency);
    const [count] = await this.rateLimits.countHits([toCheck(rule)], requested);
    const { is_allowed, used, seconds } = count!;
    // If an instance with a lower quota has refused a hit, nothing is left for this instance either.
    const unleased = is_allowed ? Math.max(0, quota - used) : 0;
    const remaining = is_allowed ? requested - Math.max(0, used - quota) : 0;
    return { remaining, unleased, endsAt: Date.now() + seconds * 1000 };
  }

  private async count(rules: Rule[]): Promise<void> {
    const active = rules.filter((rule): rule is ActiveRule => rule.limit !== undefined);
    if (active.length === 0) return;
    const counts = await this.rateLimits.countHits(active.map(toCheck));
    counts.forEach((count, index) => report(active[index]!, count));
  }

  private async purge(): Promise<void> {
    const now = Date.now();
    for (const [subject, lease] of this.leases) {
      if (!(lease instanceof Promise) && lease.endsAt <= now) this.leases.delete(subject);
    }
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
  rateLimitRefusals.inc({ limit: name });
  const detail = `Too many requests. Try again in ${seconds} second${seconds === 1 ? '' : 's'}.`;
  throw new Problem(429, 'rate_limited', detail, undefined, { 'retry-after': String(seconds) });
}

function toCheck(rule: ActiveRule): LimitCheck {
  return { key: keyOf(rule), limit: rule.limit, longestWait: rule.longestWait };
}

/** The sign-ins from a network in the last 90 days. They are not limited. */
function signInsFrom(network: string): LimitCheck {
  const limit = { quota: 2 ** 31 - 1, window: 90 * 86_400 };
  return { key: keyOf({ name: 'sign-ins', subject: network }), limit };
}

/** Only a hash of the subject is stored, because users may enter their password in the wrong field. */
function keyOf({ name, subject }: Pick<Rule, 'name' | 'subject'>): string {
  return `${name}:${createHash('sha256').update(subject).digest('base64url')}`;
}

function subjectOf(account: string, trustedSource: string | undefined): string {
  return trustedSource === undefined ? account : `${account} at ${trustedSource}`;
}
