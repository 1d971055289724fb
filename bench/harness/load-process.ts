import { connect, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, Load, LoadResult } from './load';
import { quantile } from './statistics';

/*
 * The process of the load generator. It uses plain sockets, because an HTTP client would use more processor time than the
 * server that is measured.
 */

/** Connections that are opened at once. A server refuses more than its backlog. */
const openedAtOnce = 100;

process.on('message', (message) => void run(message as Load).then((result) => process.send!(result)));
process.on('disconnect', () => process.exit());

async function run({ url, connections, seconds }: Load): Promise<LoadResult> {
  const repeaters: Repeater[] = [];
  for (const [index, connection] of connections.entries()) {
    repeaters.push(new Repeater(url, connection));
    if (index % openedAtOnce === openedAtOnce - 1) await delay(20);
  }
  await Promise.all(repeaters.map((repeater) => repeater.opened));
  const start = performance.now();
  await Promise.all(repeaters.map((repeater) => repeater.run(start + seconds * 1000)));
  const duration = (performance.now() - start) / 1000;
  const latencies = repeaters.flatMap((repeater) => repeater.latencies);
  const errors = repeaters.flatMap((repeater) => repeater.errors);
  const [p50 = NaN, p95 = NaN, p99 = NaN] = [0.5, 0.95, 0.99].map((fraction) =>
    quantile(latencies, fraction),
  );
  return {
    responses: latencies.length,
    seconds: duration,
    errors: errors.length,
    firstError: errors[0],
    latency: { p50, p95, p99 },
  };
}

/** One connection. */
class Repeater {
  readonly latencies: number[] = [];
  readonly errors: string[] = [];
  readonly opened: Promise<void>;
  private readonly socket: Socket;
  private readonly requests: Buffer[];
  private readonly carries: string | undefined;
  private sent = 0;
  private sentAt = 0;
  private deadline = 0;
  private end: () => void = () => undefined;
  /** The response that is being received. */
  private isOk = false;
  private missing = 0;
  private chunks: Buffer[] = [];

  constructor(url: string, { token, requests, carries }: Connection) {
    const { hostname, port } = new URL(url);
    this.requests = requests.map(({ method, path, body }) => {
      const lines = [
        `${method} ${path} HTTP/1.1`,
        'host: x',
        ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
        ...(body === undefined
          ? []
          : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
      ];
      return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
    });
    this.carries = carries;
    this.socket = connect(Number(port), hostname);
    this.socket.setNoDelay();
    this.opened = new Promise((resolve) => {
      this.socket.once('connect', () => resolve());
      this.socket.on('error', (error) => {
        this.fail(String(error));
        resolve();
      });
    });
    this.socket.on('data', (chunk: Buffer) => this.receive(chunk));
    this.socket.on('close', () => {
      if (this.missing || performance.now() < this.deadline) this.fail('The connection was closed.');
      this.end();
    });
  }

  run(deadline: number): Promise<void> {
    this.deadline = deadline;
    return new Promise((resolve) => {
      this.end = resolve;
      if (this.socket.destroyed) resolve();
      else this.send();
    });
  }

  private send(): void {
    this.sentAt = performance.now();
    this.socket.write(this.requests[this.sent++ % this.requests.length]!);
  }

  private receive(chunk: Buffer): void {
    let start = 0;
    if (this.missing === 0) {
      const end = chunk.indexOf('\r\n\r\n');
      if (end < 0) {
        this.fail('The headers did not come in one piece.');
        this.socket.destroy();
        return;
      }
      const head = chunk.toString('latin1', 0, end);
      this.isOk = head.startsWith('2', 9);
      this.missing = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      start = end + 4;
    }
    this.missing -= chunk.length - start;
    if (!this.isOk || this.carries !== undefined) this.chunks.push(chunk.subarray(start));
    if (this.missing > 0) return;
    const now = performance.now();
    if (this.isOk) this.latencies.push(now - this.sentAt);
    else this.fail(Buffer.concat(this.chunks).toString());
    if (this.isOk && this.carries !== undefined) this.carry(this.carries);
    this.chunks = [];
    if (now < this.deadline) this.send();
    else this.socket.end();
  }

  private carry(member: string): void {
    const response = JSON.parse(Buffer.concat(this.chunks).toString()) as Record<string, unknown>;
    const body = JSON.stringify({ [member]: response[member] });
    const request = this.requests[0]!;
    const head = request.toString('latin1', 0, request.indexOf('\r\n\r\n'));
    const length = `content-length: ${Buffer.byteLength(body)}`;
    this.requests[0] = Buffer.from(`${head.replace(/content-length: \d+/, length)}\r\n\r\n${body}`);
  }

  private fail(error: string): void {
    this.errors.push(error);
  }
}
