import { Injectable } from '@nestjs/common';
import type { RateLimit } from '../core/config';
import { unavailable } from '../core/problem';
import { Database } from '../database/database';
import { sql } from '../database/statement';

/** A limit that hits are counted against. */
export interface LimitCheck {
  /** Name of the limit and hash of its subject. */
  key: string;
  limit: NonNullable<RateLimit>;
  /** Maximum wait in seconds. With it, waits double from one second; without it, the wait lasts until the window ends. */
  longestWait?: number;
}

export interface HitCount {
  is_allowed: boolean;
  used: number;
  /** Seconds until a hit is allowed again, or the count is reset. */
  seconds: number;
}

/** The counts of rate limits, in PostgreSQL. */
@Injectable()
export class RateLimitsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Counts hits against several limits in one statement, up to the first limit that refuses.
   * @returns the counts in the order of the checks, up to the first one that refuses
   * @throws Problem 503 if hits cannot be counted
   */
  async countHits(checks: LimitCheck[], hits = 1): Promise<HitCount[]> {
    const text =
      'SELECT is_allowed, used, seconds FROM count_hits(:keys, :quotas, :windows, :longest_waits, :hits)';
    const values = {
      keys: checks.map(({ key }) => key),
      quotas: checks.map(({ limit }) => limit.quota),
      windows: checks.map(({ limit }) => limit.window),
      longest_waits: checks.map(({ longestWait }) => longestWait ?? 0),
      hits,
    };
    const statements = { counts: sql<HitCount>(text, values) };
    const { counts } = await this.database.asAuthenticator(statements).catch((cause: unknown) => {
      const problem = unavailable('Rate limits cannot be checked at the moment. Try again.');
      problem.cause = cause;
      throw problem;
    });
    return counts;
  }

  /** Undoes one hit. */
  async undoHit(key: string): Promise<void> {
    const text =
      'UPDATE rate_limits SET hits = hits - 1, free_at = least(free_at, now()) WHERE key = :key AND hits > 0';
    await this.database.asAuthenticator({ updated: sql(text, { key }) });
  }

  async reset(keys: string[]): Promise<void> {
    const statement = sql('DELETE FROM rate_limits WHERE key = ANY(:keys)', { keys });
    await this.database.asAuthenticator({ deleted: statement });
  }

  async deleteExpired(): Promise<void> {
    await this.database.asAuthenticator({
      deleted: sql('DELETE FROM rate_limits WHERE resets_at <= now()'),
    });
  }
}
