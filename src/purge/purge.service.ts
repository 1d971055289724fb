import { BeforeApplicationShutdown, Injectable, Logger, OnApplicationBootstrap } from '@nestjs/common';
import { Config } from '../core/config';
import { Database } from '../database/database';
import { RateLimiter } from '../limits/rate-limiter';
import { purge } from './purge';

/** Milliseconds between checks whether a purge is due. */
const interval = 300_000;

/** Runs the purge once an hour, on one of the instances. */
@Injectable()
export class PurgeService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Purge');
  private timer?: NodeJS.Timeout;
  /** The current run, for tests and shutdown. */
  work?: Promise<void>;

  constructor(
    private readonly database: Database,
    private readonly rateLimiter: RateLimiter,
    private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.wake(), interval).unref();
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.work;
  }

  private wake(): void {
    this.work ??= this.purge().finally(() => (this.work = undefined));
  }

  private async purge(): Promise<void> {
    try {
      if (await this.rateLimiter.isFirstWithin(3600, 'purge')) {
        this.logger.log(`Deleted ${await purge(this.database, this.config, false)}`);
      }
    } catch (error) {
      this.logger.warn(`Purge failed, will try again: ${String(error)}`);
    }
  }
}
