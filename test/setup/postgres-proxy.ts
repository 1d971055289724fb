import { AddressInfo, connect, createServer, Server, Socket } from 'node:net';

/** A statement as it was sent: its text, and its parameters as text. */
export interface SentStatement {
  text: string;
  parameters: (string | null)[];
}

/** A TCP proxy between the application and PostgreSQL that records statements and can break connections. */
export class PostgresProxy {
  statements: SentStatement[] = [];
  /** How often the application sent data after it had received some. */
  roundTrips = 0;
  /** Bytes that PostgreSQL has sent. */
  receivedBytes = 0;
  /** How many statements were sent to be parsed. */
  parseCount = 0;
  /** How many messages were sent after which PostgreSQL commits, unless a transaction block is open. */
  syncCount = 0;
  /** How often it still breaks a connection before a request reaches PostgreSQL. */
  breaksBeforeRequest = 0;
  /** How often it still breaks a connection after a transaction, before the response reaches the application. */
  breaksAfterCommit = 0;
  /** Called after each transaction, before the response reaches the application, with the statements of the transaction. */
  onCommit?: (statements: SentStatement[]) => void;
  /**
   * Whether it behaves like PgBouncer: it refuses start-up parameters that it does not know, and closes a connection on
   * which a statement name is prepared twice (https://github.com/pgbouncer/pgbouncer/issues/1118).
   */
  isPooler = false;
  /** How often it has done so. */
  refusals = 0;
  private lastSender: 'application' | 'server' = 'server';

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(databaseUrl: string): Promise<PostgresProxy> {
    const { hostname, port } = new URL(databaseUrl);
    const host = decodeURIComponent(hostname);
    // The host can be the folder of a Unix socket.
    const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { port: Number(port), host };
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address() as AddressInfo;
    const url = Object.assign(new URL(databaseUrl), {
      hostname: '127.0.0.1',
      port: String(address.port),
    }).toString();
    const proxy = new PostgresProxy(server, url);
    server.on('connection', (client) => proxy.forward(client, connect(target)));
    return proxy;
  }

  close(): void {
    this.server.close();
  }

  reset(): void {
    Object.assign(this, {
      statements: [],
      roundTrips: 0,
      receivedBytes: 0,
      parseCount: 0,
      syncCount: 0,
      lastSender: 'server',
    });
  }

  private forward(client: Socket, database: Socket): void {
    const texts = new Map<string, string>();
    const sent: SentStatement[] = [];
    let rest = Buffer.alloc(0);
    let isStarted = false;
    client.setNoDelay();
    database.setNoDelay();
    client.on('data', (chunk: Buffer) => {
      if (isStarted && this.breaksBeforeRequest > 0) {
        this.breaksBeforeRequest--;
        client.resetAndDestroy();
        return;
      }
      if (this.lastSender === 'server') this.roundTrips++;
      this.lastSender = 'application';
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        // The first message has no type byte: https://www.postgresql.org/docs/current/protocol-message-formats.html
        const start = isStarted ? 1 : 0;
        if (rest.length < start + 4 || rest.length < start + rest.readInt32BE(start)) break;
        const end = start + rest.readInt32BE(start);
        if (
          this.isPooler &&
          !isAcceptable(isStarted ? rest[0]! : undefined, rest.subarray(start + 4, end), texts)
        ) {
          this.refusals++;
          client.resetAndDestroy();
          return;
        }
        if (isStarted) sent.push(...this.record(String.fromCharCode(rest[0]!), rest.subarray(5, end), texts));
        isStarted = true;
        rest = rest.subarray(end);
      }
      database.write(chunk);
    });
    database.on('data', (chunk) => {
      const hasEnded = sent.length > 0 && chunk.subarray(-idle.length).equals(idle);
      if (hasEnded) this.onCommit?.(sent.splice(0));
      if (hasEnded && this.breaksAfterCommit > 0) {
        this.breaksAfterCommit--;
        client.resetAndDestroy();
        return;
      }
      this.lastSender = 'server';
      this.receivedBytes += chunk.length;
      client.write(chunk);
    });
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      one.on('close', () => other.destroy()).on('error', () => other.destroy());
    }
  }

  /** @returns the statement that the message executes, if it does */
  private record(type: string, message: Buffer, texts: Map<string, string>): SentStatement[] {
    const reader = new Reader(message);
    const statements: SentStatement[] = [];
    if (type === 'Q') statements.push({ text: reader.text(), parameters: [] });
    if (type === 'S') this.syncCount++;
    if (type === 'P') {
      this.parseCount++;
      texts.set(reader.text(), reader.text());
    }
    if (type === 'B') {
      reader.text();
      const text = texts.get(reader.text()) ?? '';
      const formats = Array.from({ length: reader.int16() }, () => reader.int16());
      const parameters = Array.from({ length: reader.int16() }, (_, index) =>
        reader.value(formats[index] === 1),
      );
      statements.push({ text, parameters });
    }
    this.statements.push(...statements);
    return statements;
  }
}

/** The message ReadyForQuery outside of a transaction block. */
const idle = Buffer.from('Z\0\0\0\x05I');

/** What PgBouncer accepts without configuration: https://www.pgbouncer.org/config.html#ignore_startup_parameters */
const acceptedParameters = [
  ...['user', 'database', 'replication', 'client_encoding', 'DateStyle', 'TimeZone'],
  ...['standard_conforming_strings', 'application_name', 'default_transaction_read_only', 'search_path'],
];

/**
 * @param type the type of a message; undefined for the start-up message
 * @param statements the prepared statements by name
 */
function isAcceptable(type: number | undefined, message: Buffer, statements: Map<string, string>): boolean {
  if (type === undefined) {
    const parameters = message.toString('utf8', 4).split('\0').slice(0, -2);
    return parameters.every((name, index) => index % 2 === 1 || acceptedParameters.includes(name));
  }
  if (type !== 'P'.charCodeAt(0)) return true;
  const name = new Reader(message).text();
  return name === '' || !statements.has(name);
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

  /** @param isBinary whether it is a bytea: the only type sent in binary form */
  value(isBinary: boolean): string | null {
    const length = this.message.readInt32BE(this.at);
    this.at += 4;
    if (length < 0) return null;
    this.at += length;
    if (isBinary) return `\\x${this.message.toString('hex', this.at - length, this.at)}`;
    return this.message.toString('utf8', this.at - length, this.at);
  }
}
