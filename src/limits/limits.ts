import { createHash } from 'node:crypto';
import { Injectable, Logger, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Config, RateLimit } from '../config';
import { Database } from '../database/database';
import { sql } from '../database/statement';
import { networkOf } from '../http/address';
import { appendToAnswer, currentAddress } from '../http/current-request';
import { Problem, unavailable } from '../http/problem';

interface Rule {
  name: string;
  limit: RateLimit;
  /** Whom it is about. */
  subject: string;
  /** Seconds up to which waits grow; absent: one waits until the window ends. */
  longestWait?: number;
}

type ActiveRule = Rule & { limit: NonNullable<RateLimit> };

interface Count {
  isAllowed: boolean;
  used: number;
  /** Until it is free again, or forgotten. */
  seconds: number;
}

/** Requests that were counted ahead, for this instance to hand out. */
interface Lease {
  left: number;
  /** What is left for everybody else, other instances too. */
  unleased: number;
  /** Milliseconds since 1970. */
  endsAt: number;
}

/** An instance counts a part of a user's requests at a time: that many fewer statements, and never beyond the quota. */
const leasesPerWindow = 50;

const purgeInterval = 60_000;

/**
 * Who may ask how often. It counts in PostgreSQL, so that all instances share what they know and a restart forgets
 * nothing; where PostgreSQL cannot be asked, nothing is allowed (503).
 */
@Injectable()
export class Limits implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Limits');
  private readonly leases = new Map<string, Promise<Lease>>();
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly database: Database,
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
   * Before a password is looked at: it counts as wrong until `passwordWasRight`.
   * @param account the name that somebody signs in with, or the id of the user who has
   * @param place where the owner is known to be, a network or a session: the mistakes of others elsewhere do not count
   * @throws Problem 429
   */
  async countPassword(account: string, place?: string): Promise<void> {
    const { passwordAddress, passwordAccount, longestWait } = this.config.rateLimits ?? {};
    await this.count([
      { name: 'password-address', limit: passwordAddress, subject: currentNetwork() },
      { name: 'password-account', limit: passwordAccount, subject: at(account, place), longestWait },
    ]);
  }

  /** Takes the last count back; of a place where the owner is known to be, all. */
  async passwordWasRight(account: string, place?: string): Promise<void> {
    if (place !== undefined) await this.forget([at(account, place)]);
    else await this.takeBack({ name: 'password-account', subject: account });
  }

  /** The account has another password: here, and where nobody knows the owner. */
  async forgetPasswords(accounts: (string | undefined)[]): Promise<void> {
    const known = accounts.filter((account) => account !== undefined);
    await this.forget(known.flatMap((account) => [account, at(account, currentNetwork())]));
  }

  private async forget(subjects: string[]): Promise<void> {
    if (!this.config.rateLimits?.passwordAccount) return;
    const keys = subjects.map((subject) => keyOf({ name: 'password-account', subject }));
    await this.database.asAuthenticator(sql('DELETE FROM rate_limits WHERE key = ANY(:keys)', { keys }));
  }

  private async takeBack(rule: Pick<Rule, 'name' | 'subject'>): Promise<void> {
    if (!this.config.rateLimits) return;
    const text =
      'UPDATE rate_limits SET hits = hits - 1, free_at = least(free_at, now()) WHERE key = :key AND hits > 0';
    await this.database.asAuthenticator(sql(text, { key: keyOf(rule) }));
  }

  /** Before a password is hashed that nobody can guess at. @throws Problem 429 */
  async countAddress(): Promise<void> {
    const limit = this.config.rateLimits?.passwordAddress;
    await this.count([{ name: 'password-address', limit, subject: currentNetwork() }]);
  }

  /** Before a mail is asked for. @throws Problem 429 */
  async countMail(email: string): Promise<void> {
    const { mailAddress, mailAccount, longestWait } = this.config.rateLimits ?? {};
    await this.count([
      { name: 'mail-address', limit: mailAddress, subject: currentNetwork() },
      { name: 'mail-account', limit: mailAccount, subject: email, longestWait },
    ]);
  }

  /** None was sent to the mailbox: whose address it is, is not spent by others who try to take it. */
  async mailWasNotSent(email: string): Promise<void> {
    await this.takeBack({ name: 'mail-account', subject: email });
  }

  /**
   * @returns takes the count back, where there is one: the request was not the user's, since its session had ended
   * @throws Problem 429
   */
  async countRequest(user_id: string): Promise<(() => void) | undefined> {
    const limit = this.config.rateLimits?.user;
    if (!limit) return undefined;
    const lease = await this.take({ name: 'user', limit, subject: user_id });
    return () => lease.left++;
  }

  /** As often as requests. @throws Problem 429 */
  async countRefresh(session_id: string): Promise<void> {
    const limit = this.config.rateLimits?.user;
    if (limit) await this.take({ name: 'refresh', limit, subject: session_id });
  }

  /** Whether no instance has asked this before in so many seconds: for work that one of them does. */
  async isFirstIn(work: string, seconds: number): Promise<boolean> {
    const [count] = await this.countAll(
      [{ name: work, limit: { quota: 1, window: seconds }, subject: '' }],
      1,
    );
    return count!.isAllowed;
  }

  private async take(rule: ActiveRule): Promise<Lease> {
    const { subject, limit } = rule;
    for (;;) {
      const pending = this.leases.get(subject) ?? this.leaseAnew(rule);
      const lease = await pending;
      const isOver = lease.endsAt <= Date.now();
      if (!isOver && (lease.left > 0 || lease.unleased === 0)) {
        const isAllowed = lease.left > 0;
        if (isAllowed) lease.left--;
        const seconds = Math.max(1, Math.ceil((lease.endsAt - Date.now()) / 1000));
        answer(rule, { isAllowed, used: limit.quota - lease.unleased - lease.left, seconds });
        return lease;
      }
      if (this.leases.get(subject) === pending) this.leases.delete(subject);
    }
  }

  private leaseAnew(rule: ActiveRule): Promise<Lease> {
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
    const [{ isAllowed, used, seconds }] = (await this.countAll([rule], wanted)) as [Count];
    // An instance with another quota may have refused already: then there is nothing left here either.
    const unleased = isAllowed ? Math.max(0, quota - used) : 0;
    const left = isAllowed ? wanted - Math.max(0, used - quota) : 0;
    return { left, unleased, endsAt: Date.now() + seconds * 1000 };
  }

  private async count(rules: Rule[]): Promise<void> {
    const active = rules.filter((rule): rule is ActiveRule => rule.limit !== undefined);
    if (active.length === 0) return;
    const counts = await this.countAll(active, 1);
    counts.forEach((count, index) => answer(active[index]!, count));
  }

  /** One statement for all rules, which ends at the first that refuses. */
  private async countAll(rules: ActiveRule[], hits: number): Promise<Count[]> {
    const text =
      'SELECT is_allowed, used, seconds FROM count_hits(:keys, :quotas, :windows, :longest_waits, :hits)';
    const values = {
      keys: rules.map(keyOf),
      quotas: rules.map(({ limit }) => limit.quota),
      windows: rules.map(({ limit }) => limit.window),
      longest_waits: rules.map(({ longestWait }) => longestWait ?? 0),
      hits,
    };
    const [rows = []] = await this.database.asAuthenticator(sql(text, values)).catch(refuseUncounted);
    return (rows as [boolean, number, number][]).map(([isAllowed, used, seconds]) => ({
      isAllowed,
      used,
      seconds,
    }));
  }

  private async purge(): Promise<void> {
    const statement = sql('DELETE FROM rate_limits WHERE resets_at <= now()', {});
    await this.database
      .asAuthenticator(statement)
      .catch((error: unknown) => this.logger.warn(`Expired rate limits were not deleted: ${String(error)}`));
  }
}

/** What cannot be counted is not allowed. @throws Problem 503 */
function refuseUncounted(cause: unknown): never {
  const problem = unavailable('Rate limits cannot be checked at the moment. Try again.');
  problem.cause = cause;
  throw problem;
}

/** In the headers of draft-ietf-httpapi-ratelimit-headers. @throws Problem 429 */
function answer({ name, limit: { quota, window } }: ActiveRule, { isAllowed, used, seconds }: Count): void {
  appendToAnswer('ratelimit-policy', `"${name}";q=${quota};w=${window}`);
  appendToAnswer('ratelimit', `"${name}";r=${Math.max(0, quota - used)};t=${seconds}`);
  if (isAllowed) return;
  throw new Problem(
    429,
    'rate_limited',
    `Too many requests. Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`,
    undefined,
    {
      'retry-after': String(seconds),
    },
  );
}

/** What people type into the field of a name may be their password: only a hash of it is kept. */
function keyOf({ name, subject }: Pick<Rule, 'name' | 'subject'>): string {
  return `${name}:${createHash('sha256').update(subject).digest('base64url')}`;
}

function at(account: string, place: string | undefined): string {
  return place === undefined ? account : `${account} at ${place}`;
}

/** All that are no address are one. */
function currentNetwork(): string {
  const address = currentAddress();
  return address === null ? 'unknown' : networkOf(address);
}
