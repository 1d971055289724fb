import { BeforeApplicationShutdown, Injectable, Logger, OnApplicationBootstrap } from '@nestjs/common';
import { Config } from '../core/config';
import { Problem, unavailable } from '../core/problem';
import { Database } from '../database/database';
import { ExportImport } from './export-import';
import type { DocumentSource } from './export-outline';
import { ImportQueue, RunningImport } from './import-queue';
import { runAsOwner } from './import-transaction';

/** Milliseconds between checks for imports of other instances, and between reports of progress. */
const [checkInterval, reportInterval] = [60_000, 1000];

const maxAttempts = 10;

const maxChunk = 65_536;

/**
 * Runs imports in the background, one at a time on each instance. An import is one transaction, and the end of it marks the
 * import as completed: if the instance stops, another one begins again.
 */
@Injectable()
export class ImportRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Import');
  private readonly stop = new AbortController();
  private timer?: NodeJS.Timeout;
  /** Ends when no import is left. For tests and shutdown. */
  work?: Promise<void>;
  private isCheckNeeded = false;

  constructor(
    private readonly queue: ImportQueue,
    private readonly database: Database,
    private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.wake(), checkInterval).unref();
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.stop.abort();
    await this.work;
  }

  /** Call it when an import waits. Does not wait until it ends. */
  wake(): void {
    this.isCheckNeeded = true;
    this.work ??= this.runAll();
  }

  private async runAll(): Promise<void> {
    try {
      await this.queue.deleteBrokenUploads();
      while (this.isCheckNeeded && !this.stop.signal.aborted) {
        // Before the query, so that an import that is enqueued during the query is found by the next one.
        this.isCheckNeeded = false;
        const next = await this.queue.claim();
        if (!next) continue;
        this.isCheckNeeded = true;
        await this.run(next);
      }
    } catch (error) {
      this.logger.warn(`Could not run imports, will try again: ${String(error)}`);
    } finally {
      this.work = undefined;
    }
  }

  private async run(running: RunningImport): Promise<void> {
    let progress: [step: string, done: number, total: number] = ['Checking the document', 0, 0];
    const report = () => this.queue.report(running, ...progress).catch(() => undefined);
    const timer = setInterval(() => void report(), reportInterval).unref();
    const onProgress = (...now: typeof progress) => (progress = now);
    try {
      await this.import(running, onProgress);
    } catch (error) {
      await this.handle(running, error);
    } finally {
      clearInterval(timer);
    }
  }

  private async import(
    running: RunningImport,
    onProgress: (step: string, done: number, total: number) => void,
  ): Promise<void> {
    const work = new ExportImport(this.database, this.config, running.user_id, onProgress);
    // The user can write until the document has been checked.
    await work.check(this.documentOf(running, (read) => this.database.actAs(running.user_id, read)));
    await runAsOwner(this.database, { id: running.user_id }, running.validate_only, async () => {
      const counts = await work.write(this.documentOf(running, (read) => read()));
      // If another instance has taken over, because this one gave no sign of life, it must not be imported twice.
      if (!running.validate_only && !(await this.queue.complete(running, counts)))
        throw unavailable('Another instance has taken over the import.');
    });
    if (running.validate_only)
      await this.database.actAs(running.user_id, () => this.queue.complete(running, work.counts));
  }

  /** A problem with the document ends the import. Anything else is tried again, here or on another instance. */
  private async handle(running: RunningImport, error: unknown): Promise<void> {
    if (error instanceof Problem && error.status < 500) return this.queue.fail(running, error);
    if (!this.stop.signal.aborted) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      this.logger.warn(`Import ${running.id}, attempt ${running.attempts}: ${String(cause)}`);
    }
    if (this.stop.signal.aborted || running.attempts < maxAttempts) return this.queue.release(running);
    const detail = 'The import could not be completed. Try again later. Nothing was imported.';
    await this.queue.fail(running, new Problem(500, 'import_failed', detail));
  }

  private documentOf(
    running: RunningImport,
    inTransaction: (read: () => Promise<Buffer | undefined>) => Promise<Buffer | undefined>,
  ): DocumentSource {
    const { queue, stop } = this;
    return {
      size: running.bytes,
      async *chunks() {
        for (let number = 0; ; number++) {
          const part = await inTransaction(() => queue.part(running, number));
          if (!part) return;
          for (let at = 0; at < part.length; at += maxChunk) {
            if (stop.signal.aborted) throw unavailable('The server is stopping.');
            yield part.subarray(at, at + maxChunk);
          }
        }
      },
    };
  }
}
