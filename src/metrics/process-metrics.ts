import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { type Aggregator, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Passwords } from '../auth/passwords';
import { Config } from '../core/config';
import { registry } from '../core/metrics';
import { isWorker, MetricValues, onPrimaryMessage, tellPrimary } from '../core/worker-messages';
import { Database } from '../database/database';
import { MailsRepository } from '../mail/mails.repository';
import { MetricsServer } from './metrics.server';

/** Milliseconds within which the waiting mails must be counted. Otherwise the response does not contain their number. */
const countTimeout = 2000;

/** Serves the metrics of this process. A worker sends them to the primary process, which serves those of all workers. */
@Injectable()
export class ProcessMetrics implements OnApplicationBootstrap, OnApplicationShutdown {
  /** Current states of this application. */
  private readonly states = new Registry();
  private server?: MetricsServer;

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
    if (isWorker) {
      onPrimaryMessage(({ type }) => {
        if (type === 'metrics') void this.send();
      });
    } else {
      this.server = new MetricsServer(this.config, () => this.text());
      await this.server.listen();
    }
  }

  /** After the API has been closed, so that the last requests can still be observed. */
  async onApplicationShutdown(): Promise<void> {
    this.server?.close();
    if (isWorker && this.config.metricsPort !== undefined) await this.send();
  }

  private async text(): Promise<string> {
    return (await Promise.all([registry.metrics(), this.states.metrics()])).join('\n');
  }

  private async send(): Promise<void> {
    const lists = await Promise.all([registry.getMetricsAsJSON(), this.states.getMetricsAsJSON()]);
    const metrics = lists.flat() as unknown as MetricValues[];
    // One process that is blocked must show, not disappear in an average.
    for (const metric of metrics) if (metric.aggregator === 'average') metric.aggregator = 'max';
    await tellPrimary({ type: 'metrics', metrics });
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
      'DATABASE_POOL_SIZE of all processes.',
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
      'max',
    );
  }

  /** @param aggregator what several processes have together */
  private addState(
    name: string,
    help: string,
    value: () => number | Promise<number>,
    aggregator: Aggregator = 'sum',
  ): void {
    new Gauge({
      name,
      help,
      aggregator,
      registers: [this.states],
      async collect() {
        this.set(await value());
      },
    });
  }
}
