import { BeforeApplicationShutdown, Injectable, Logger, OnApplicationBootstrap } from '@nestjs/common';
import { Config } from '../core/config';
import { purgedRows, purges } from '../core/metrics';
import { Database } from '../database/database';
import { RateLimiter } from '../limits/rate-limiter';
import { Purge, PurgeResult } from './purge';

/** Milliseconds between checks whether a purge is due. */
const interval = 300_000;

/** Runs the purge once an hour, on one of the instances, and deletes accounts when their users do not want to wait. */
@Injectable()
export class PurgeService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Purge');
  private readonly stop = new AbortController();
  private timer?: NodeJS.Timeout;
  /** Ends when all purges that were started have ended. For tests and shutdown. */
  work: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly rateLimiter: RateLimiter,
    private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    const purgeIfDue = () =>
      this.start(async () =>
        (await this.rateLimiter.isFirstWithin(3600, 'purge')) ? this.newPurge().run() : undefined,
      );
    this.timer = setInterval(purgeIfDue, interval).unref();
    purgeIfDue();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.stop.abort();
    await this.work;
  }

  /** Deletes closed accounts whose time has come, in the background. What it does not finish, the hourly purge continues. */
  deleteClosedAccounts(): void {
    this.start(() => this.newPurge().runForAccounts());
  }

  private newPurge(): Purge {
    return new Purge(this.database, this.config, this.stop.signal);
  }

  /** Runs a purge after those that are already running. */
  private start(run: () => Promise<PurgeResult | undefined>): void {
    this.work = this.work.then(async () => {
      try {
        const result = await run();
        if (!result) return;
        for (const [table, count] of Object.entries(result.counts)) purgedRows.inc({ table }, count);
        purges.inc({ result: result.failures.length ? 'failed' : 'completed' });
        this.logger.log(`Deleted ${result.deleted}`);
        for (const failure of result.failures) {
          this.logger.warn(`Could not delete ${failure}. Will try again.`);
        }
      } catch (error) {
        purges.inc({ result: 'failed' });
        this.logger.warn(`Purge failed, will try again: ${String(error)}`);
      }
    });
  }
}
