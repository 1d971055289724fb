import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Config, ConfigError } from '../core/config';

/** Serves the metrics at /metrics on a port of their own, which the clients of the API cannot reach. */
export class MetricsServer {
  private readonly logger = new Logger('Metrics');
  private readonly server = createServer((request, response) => this.respond(request, response));

  constructor(
    private readonly config: Config,
    private readonly metrics: () => Promise<string>,
  ) {}

  /** @throws ConfigError if the port cannot be used */
  async listen(): Promise<void> {
    this.server.listen(this.config.metricsPort, this.config.metricsHost);
    await once(this.server, 'listening').catch((error: Error) => {
      throw new ConfigError(
        `Cairn cannot start: METRICS_PORT or METRICS_HOST cannot be used: ${error.message}`,
      );
    });
    const { address, port, family } = this.server.address() as AddressInfo;
    this.logger.log(`Metrics: http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`);
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private respond({ method, url }: IncomingMessage, response: ServerResponse): void {
    if (method !== 'GET' || url !== '/metrics') return void response.writeHead(404).end();
    this.metrics().then(
      (text) => response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text),
      (error: unknown) => {
        this.logger.error(error);
        response.writeHead(500).end();
      },
    );
  }
}
