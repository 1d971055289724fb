import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Passwords } from '../auth/passwords';
import { Config, ConfigError } from '../core/config';
import { registry } from '../core/metrics';
import { Database } from '../database/database';
import { MailsRepository } from '../mail/mails.repository';

/** Milliseconds within which the waiting mails must be counted. Otherwise the response does not contain their number. */
const countTimeout = 2000;

/** Serves the metrics at /metrics on a port of their own, which the clients of the API cannot reach. */
@Injectable()
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Metrics');
  private readonly server = createServer((request, response) => this.respond(request, response));
  /** Current states of this application. */
  private readonly states = new Registry();

  constructor(
    private readonly config: Config,
    private readonly database: Database,
    private readonly passwords: Passwords,
    private readonly mails: MailsRepository,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.config.metricsPort === undefined) return;
    collectDefaultMetrics({ register: this.states });
    this.addStates();
    this.server.listen(this.config.metricsPort, this.config.metricsHost);
    await once(this.server, 'listening').catch((error: Error) => {
      throw new ConfigError(
        `Cairn cannot start: METRICS_PORT or METRICS_HOST cannot be used: ${error.message}`,
      );
    });
    const { address, port, family } = this.server.address() as AddressInfo;
    this.logger.log(`Metrics: http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`);
  }

  /** After the API has been closed, so that the last requests can still be observed. */
  onApplicationShutdown(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private addStates(): void {
    this.addState(
      'cairn_database_connections_busy',
      'Connections that are in use.',
      () => this.database.state.busy,
    );
    this.addState(
      'cairn_database_connections_idle',
      'Connections that are idle.',
      () => this.database.state.idle,
    );
    this.addState(
      'cairn_database_connections_max',
      'DATABASE_POOL_SIZE.',
      () => this.config.databasePoolSize,
    );
    this.addState(
      'cairn_database_connections_waiting',
      'Transactions that wait for a connection.',
      () => this.database.state.waiting,
    );
    this.addState(
      'cairn_user_queues_waiting',
      'Transactions that wait for other transactions of the same user.',
      () => this.database.state.queued,
    );
    this.addState(
      'cairn_passwords_hashing',
      'Passwords that are being hashed.',
      () => this.passwords.state.running,
    );
    this.addState(
      'cairn_passwords_waiting',
      'Requests with passwords that wait for others.',
      () => this.passwords.state.waiting,
    );
    this.addState(
      'cairn_mails_waiting',
      'Mails that have not been sent yet, by all instances. NaN if the database does not respond.',
      () => Promise.race([this.mails.count().catch(() => NaN), delay(countTimeout, NaN, { ref: false })]),
    );
  }

  private addState(name: string, help: string, value: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.states],
      async collect() {
        this.set(await value());
      },
    });
  }

  private respond({ method, url }: IncomingMessage, response: ServerResponse): void {
    if (method !== 'GET' || url !== '/metrics') return void response.writeHead(404).end();
    Promise.all([registry.metrics(), this.states.metrics()]).then(
      (metrics) =>
        response.writeHead(200, { 'content-type': this.states.contentType }).end(metrics.join('\n')),
      (error: unknown) => {
        this.logger.error(error);
        response.writeHead(500).end();
      },
    );
  }
}
