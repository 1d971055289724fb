import cluster, { Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Config, ConfigError } from './core/config';
import { PrimaryMessage, workerArgument, WorkerMessage } from './core/worker-messages';
import { ClusterMetrics } from './metrics/cluster-metrics';
import { MetricsServer } from './metrics/metrics.server';

/** Milliseconds before a worker is replaced. They double with each attempt that fails. */
const [minPause, maxPause] = [1000, 30_000];

/** Failed attempts to start a worker after which the process ends if no other worker is left. */
const maxFailures = 5;

/** Milliseconds within which a worker must listen. Otherwise it would delay the next replacements. */
const startTimeout = 60_000;

/** Milliseconds after SHUTDOWN_DELAY within which a worker must have stopped. It ends itself earlier unless it is blocked. */
const killTimeout = 30_000;

const logger = new Logger('Cairn');

/**
 * Starts WEB_CONCURRENCY processes that share the port, replaces those that crash, and all of them on SIGHUP. It accepts
 * connections and distributes them to the workers in turn (node:cluster), but handles no requests itself.
 */
export class Primary {
  private readonly workers = new Set<WorkerProcess>();
  /** Replacements take place one after the other. */
  private replacements: Promise<void> = Promise.resolve();
  private state: 'starting' | 'running' | 'reloading' | 'stopping' = 'starting';

  /** @param config with the URL of a migrated database */
  constructor(private readonly config: Config) {}

  /** Resolves when all workers listen. @throws ConfigError with the error of the first one that cannot start */
  async run(): Promise<void> {
    cluster.setupPrimary({ args: [workerArgument], serialization: 'advanced' }); // JSON has no NaN
    process.prependListener('exit', () => this.workers.forEach((worker) => worker.kill()));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void this.stop(signal));
    process.on('SIGHUP', () => this.reload());
    if (this.config.metricsPort !== undefined) {
      const metrics = new ClusterMetrics();
      const listening = () => [...this.workers].filter(({ state }) => state !== 'starting');
      await new MetricsServer(this.config, () =>
        metrics.text(listening().map(({ process }) => process)),
      ).listen();
    }
    const { webConcurrency } = this.config;
    const starts = Array.from({ length: webConcurrency }, () => this.start());
    const [worker] = await Promise.all(starts);
    this.state = 'running';
    logger.log(`Cairn is running with ${webConcurrency} processes. Documentation: ${worker!.url}/docs`);
  }

  private get isStopping(): boolean {
    return this.state === 'stopping';
  }

  /** Workers that have not been told to stop. */
  private get current(): WorkerProcess[] {
    return [...this.workers].filter(({ state }) => state !== 'stopping');
  }

  /** Resolves when the worker listens. @throws Error if it cannot */
  private async start(): Promise<WorkerProcess> {
    if (this.isStopping) throw new Error('Cairn is stopping.');
    const worker = new WorkerProcess(this.config);
    this.workers.add(worker);
    void worker.ended.then((end) => {
      this.workers.delete(worker);
      if (worker.state !== 'running' || this.isStopping) return;
      logger.error(`Process ${worker.pid} ended with ${end}. It is replaced.`);
      this.replacements = this.replacements.then(() => this.replaceMissing());
    });
    await worker.started;
    return worker;
  }

  private async replaceMissing(): Promise<void> {
    let failures = 0;
    while (this.current.length < this.config.webConcurrency) {
      await delay(Math.min(minPause * 2 ** failures, maxPause));
      try {
        const { pid } = await this.start();
        logger.log(`Process ${pid} has started`);
        failures = 0;
      } catch (error) {
        if (this.isStopping) return;
        logger.error(`A process cannot be replaced, will try again: ${(error as Error).message}`);
        if (++failures < maxFailures || this.current.length > 0) continue;
        logger.fatal('No process is left');
        process.exit(1);
      }
    }
  }

  private reload(): void {
    if (this.state !== 'running') {
      logger.warn(`SIGHUP is ignored, because Cairn is ${this.state}`);
      return;
    }
    this.state = 'reloading';
    logger.log('Reloading because of SIGHUP');
    this.replacements = this.replacements
      .then(() => this.replaceAll())
      .then(
        () => logger.log('Reloaded'),
        (error: Error) => {
          if (!this.isStopping)
            logger.error(`Reloading failed. The other processes continue to run. ${error.message}`);
        },
      )
      .then(() => {
        if (!this.isStopping) this.state = 'running';
      });
  }

  private async replaceAll(): Promise<void> {
    for (const worker of this.current) {
      if (!this.workers.has(worker)) continue; // it has crashed, and is replaced afterwards
      await this.start();
      worker.stop('SIGHUP', true);
      await worker.ended;
    }
  }

  private async stop(signal: string): Promise<void> {
    if (this.state === 'starting') process.exit(1);
    if (this.isStopping) {
      logger.warn(`Ended by a second signal, ${signal}`);
      process.exit(1);
    }
    this.state = 'stopping';
    logger.log(`Stopping because of ${signal}`);
    const ends = [...this.workers].map(async (worker) => {
      if (worker.state === 'starting') worker.kill();
      else worker.stop(signal, false);
      const end = await worker.ended;
      return worker.state === 'starting' || end === 'code 0';
    });
    const areComplete = (await Promise.all(ends)).every(Boolean);
    logger.log('Stopped');
    process.exit(areComplete ? 0 : 1);
  }
}

/** One worker. */
class WorkerProcess {
  readonly process: Worker;
  state: 'starting' | 'running' | 'stopping' = 'starting';
  url?: string;
  /** Resolves when the worker listens. Rejects with a ConfigError when it has ended without that. */
  readonly started: Promise<void>;
  /** Resolves with the exit code or the signal, after the last message of the worker. */
  readonly ended: Promise<string>;

  constructor(private readonly config: Config) {
    this.process = cluster.fork({ DATABASE_URL: config.databaseUrl });
    this.ended = Promise.all([once(this.process, 'exit'), once(this.process, 'disconnect')]).then(
      ([[code, signal]]) => (signal as string | null) ?? `code ${code}`,
      (error: Error) => error.message, // it was not started
    );
    this.process.on('error', () => undefined); // of a message to a process that has ended
    let failure: string | undefined;
    const timer = setTimeout(() => {
      failure = `Cairn cannot start: process ${this.pid} does not listen within ${startTimeout / 1000} seconds.`;
      this.kill();
    }, startTimeout);
    this.started = new Promise<void>((resolve, reject) => {
      this.process.on('message', (message: WorkerMessage) => {
        if (message.type === 'failed') failure = message.reason;
        if (message.type !== 'listening') return;
        this.url = message.url;
        this.state = 'running';
        resolve();
      });
      void this.ended.then((end) =>
        reject(new ConfigError(failure ?? `Cairn cannot start: process ${this.pid} ended with ${end}.`)),
      );
    }).finally(() => clearTimeout(timer));
  }

  get pid(): number | undefined {
    return this.process.process.pid;
  }

  /** Does nothing if it is stopping already. */
  stop(reason: string, isReplaced: boolean): void {
    if (this.state === 'stopping') return;
    this.state = 'stopping';
    const message: PrimaryMessage = { type: 'stop', reason, isReplaced };
    this.process.send(message, () => undefined);
    const timer = setTimeout(
      () => {
        logger.error(`Process ${this.pid} does not stop, and is killed`);
        this.kill();
      },
      1000 * this.config.shutdownDelay + killTimeout,
    );
    void this.ended.then(() => clearTimeout(timer));
  }

  kill(): void {
    this.process.process.kill('SIGKILL');
  }
}
