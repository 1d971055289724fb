import { AddressInfo, connect, createServer, Server, Socket } from 'node:net';

/** A statement as it went over the wire: its text, and its parameters as text. */
export interface Sent {
  text: string;
  parameters: (string | null)[];
}

/** Stands between the application and PostgreSQL, passes everything on, and notes the statements. */
export class WireTap {
  sent: Sent[] = [];
  /** How often the application spoke after it had listened. */
  roundTrips = 0;
  /** How many statements PostgreSQL was given to parse. */
  parsed = 0;
  /** How many more times the connection breaks as soon as the application speaks. */
  cuts = 0;
  /** How many more times the connection breaks when PostgreSQL has done its work, before it can say so. */
  swallows = 0;
  private speaker: 'application' | 'server' = 'server';

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(databaseUrl: string): Promise<WireTap> {
    const { hostname, port } = new URL(databaseUrl);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address() as AddressInfo;
    const url = Object.assign(new URL(databaseUrl), {
      hostname: '127.0.0.1',
      port: String(address.port),
    }).toString();
    const tap = new WireTap(server, url);
    server.on('connection', (client) => tap.pass(client, connect(Number(port), hostname)));
    return tap;
  }

  close(): void {
    this.server.close();
  }

  forget(): void {
    Object.assign(this, { sent: [], roundTrips: 0, parsed: 0, speaker: 'server' });
  }

  private pass(client: Socket, database: Socket): void {
    const texts = new Map<string, string>();
    let rest = Buffer.alloc(0);
    let isStarted = false;
    client.setNoDelay();
    database.setNoDelay();
    client.on('data', (chunk: Buffer) => {
      if (isStarted && this.cuts > 0) {
        this.cuts--;
        client.resetAndDestroy();
        return;
      }
      if (this.speaker === 'server') this.roundTrips++;
      this.speaker = 'application';
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        // The first message has no type byte: https://www.postgresql.org/docs/current/protocol-message-formats.html
        const start = isStarted ? 1 : 0;
        if (rest.length < start + 4 || rest.length < start + rest.readInt32BE(start)) break;
        const end = start + rest.readInt32BE(start);
        if (isStarted) this.note(String.fromCharCode(rest[0]!), rest.subarray(5, end), texts);
        isStarted = true;
        rest = rest.subarray(end);
      }
      database.write(chunk);
    });
    database.on('data', (chunk) => {
      if (isStarted && this.swallows > 0 && this.speaker === 'application') {
        if (!chunk.includes('COMMIT')) return;
        this.swallows--;
        client.resetAndDestroy();
        return;
      }
      this.speaker = 'server';
      client.write(chunk);
    });
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      one.on('close', () => other.destroy()).on('error', () => other.destroy());
    }
  }

  private note(type: string, message: Buffer, texts: Map<string, string>): void {
    const reader = new Reader(message);
    if (type === 'Q') this.sent.push({ text: reader.text(), parameters: [] });
    if (type === 'P') {
      this.parsed++;
      texts.set(reader.text(), reader.text());
    }
    if (type === 'B') {
      reader.text();
      const text = texts.get(reader.text()) ?? '';
      const formats = Array.from({ length: reader.int16() }, () => reader.int16());
      const parameters = Array.from({ length: reader.int16() }, (_, index) =>
        reader.value(formats[index] === 1),
      );
      this.sent.push({ text, parameters });
    }
  }
}

class Reader {
  private at = 0;

  constructor(private readonly message: Buffer) {}

  text(): string {
    const end = this.message.indexOf(0, this.at);
    const text = this.message.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }

  int16(): number {
    this.at += 2;
    return this.message.readInt16BE(this.at - 2);
  }

  /** @param isBinary a bytea, here */
  value(isBinary: boolean): string | null {
    const length = this.message.readInt32BE(this.at);
    this.at += 4;
    if (length < 0) return null;
    this.at += length;
    if (isBinary) return `\\x${this.message.toString('hex', this.at - length, this.at)}`;
    return this.message.toString('utf8', this.at - length, this.at);
  }
}
