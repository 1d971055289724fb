import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from './app';
import type { Config } from './core/config';
import { ShutdownState } from './core/shutdown-state';
import { closePort } from './http/fastify';

/** Milliseconds within which running requests must finish: one may take 10 s to arrive, and a statement 8 s. */
const closeTimeout = 20_000;

/** Seconds for which a worker that has been replaced waits at least until clients have closed their connections. */
const minReplacedDelay = 5;

/** The application of this process, and its port. */
export class Server {
  private readonly logger = new Logger('Cairn');
  private readonly shutdown: ShutdownState;

  private constructor(
    private readonly app: NestFastifyApplication,
    private readonly config: Config,
  ) {
    this.shutdown = app.get(ShutdownState);
  }

  /** Creates the application. It does not listen yet. */
  static async create(config: Config): Promise<Server> {
    return new Server(await createApp(config), config);
  }

  get isStopping(): boolean {
    return this.shutdown.isStopping;
  }

  /** @returns the URL */
  async listen(): Promise<string> {
    await this.app.listen(this.config.port, this.config.host);
    return (await this.app.getUrl()).replace('[::1]', 'localhost');
  }

  /**
   * Lets clients notice that the server stops, then finishes requests and background jobs, and ends the process.
   * @param isReplaced whether another process already listens on the port. Then, this one closes it at once; otherwise,
   * load balancers first notice that the server is not ready.
   */
  async stop(reason: string, isReplaced = false): Promise<void> {
    Object.assign(this.shutdown, { isStopping: true, isReplaced });
    this.logger.log(`Stopping because of ${reason}`);
    await (isReplaced ? this.waitForClients() : delay(1000 * this.config.shutdownDelay));
    setTimeout(() => {
      this.logger.error(`Requests or jobs have not finished within ${closeTimeout / 1000} seconds`);
      process.exit(1);
    }, closeTimeout).unref();
    await this.app.close();
    this.logger.log('Stopped');
    process.exit(0);
  }

  /** Each response closes its connection, so that none is closed while a client sends a request on it. */
  private async waitForClients(): Promise<void> {
    const seconds = Math.max(minReplacedDelay, this.config.shutdownDelay);
    await Promise.race([closePort(this.app.getHttpServer()), delay(1000 * seconds)]);
  }
}
