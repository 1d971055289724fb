import { once } from 'node:events';
import { Agent, createServer, get, IncomingMessage, request, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Milliseconds between two health checks of a target. */
const checkInterval = 50;

interface Target {
  url: string;
  isHealthy: boolean;
  /** Requests that were forwarded to it. */
  count: number;
}

/** A round-robin HTTP proxy with health checks and keep-alive connections, which does not repeat failed requests. */
export class LoadBalancer {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly targets: Target[];
  private readonly timers: NodeJS.Timeout[];
  private readonly waiting = new Set<() => void>();
  private next = 0;

  private constructor(
    private readonly server: Server,
    urls: string[],
  ) {
    this.targets = urls.map((url) => ({ url, isHealthy: false, count: 0 }));
    this.timers = this.targets.map((target) => setInterval(() => this.check(target), checkInterval));
    server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) =>
      this.forward(incoming, outgoing),
    );
  }

  static async open(urls: string[]): Promise<LoadBalancer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LoadBalancer(server, urls);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Requests that were forwarded to the target. */
  countOf(url: string): number {
    return this.targetOf(url).count;
  }

  /** Resolves when the health checks of the target succeed, or fail. */
  async waitForHealth(url: string, isHealthy: boolean): Promise<void> {
    await this.waitUntil(() => this.targetOf(url).isHealthy === isHealthy);
  }

  /** Resolves when that many requests have been forwarded to the target. */
  async waitForCount(url: string, count: number): Promise<void> {
    await this.waitUntil(() => this.countOf(url) >= count);
  }

  close(): void {
    this.timers.forEach((timer) => clearInterval(timer));
    this.agent.destroy();
    this.server.close();
    this.server.closeAllConnections();
  }

  private targetOf(url: string): Target {
    return this.targets.find((target) => target.url === url)!;
  }

  private waitUntil(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!isTrue()) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }

  private check(target: Target): void {
    const report = (isHealthy: boolean) => {
      target.isHealthy = isHealthy;
      this.waiting.forEach((wake) => wake());
    };
    get(`${target.url}/health/ready`, { agent: false }, (response) => {
      response.resume();
      report(response.statusCode === 200);
    }).on('error', () => report(false));
  }

  private forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const healthy = this.targets.filter(({ isHealthy }) => isHealthy);
    const target = healthy[this.next++ % healthy.length];
    if (!target) return void outgoing.writeHead(502).end('no healthy target');
    target.count++;
    this.waiting.forEach((wake) => wake());
    const { method, headers } = incoming;
    const forwarded = request(
      target.url + incoming.url,
      { method, headers, agent: this.agent },
      (response) => {
        delete response.headers.connection;
        delete response.headers['keep-alive'];
        outgoing.writeHead(response.statusCode!, response.headers);
        response.pipe(outgoing);
      },
    );
    forwarded.on('error', (error) => outgoing.writeHead(502).end(String(error)));
    incoming.pipe(forwarded);
  }
}
