import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MemoryLimit } from './memory-limit';

/** The key that the access tokens are signed with. */
export const jwtSecret = 'x'.repeat(32);

/**
 * The servers that can be started, each in a process of its own:
 * - `cairn`: the compiled application, as in production
 * - `limit`: written by hand with node:http and pg, with the same responses (limit.mjs)
 * - `without isolation`: Cairn with only its statements (without-isolation.ts)
 */
export type ServerKind = 'cairn' | 'limit' | 'without isolation';

const programs: Record<ServerKind, string[]> = {
  cairn: [join(__dirname, '../../dist/main.js')],
  limit: [join(__dirname, 'limit.mjs')],
  'without isolation': ['-r', '@swc-node/register', join(__dirname, 'without-isolation.ts')],
};

/** Limits and quotas apply, but no benchmark reaches them. */
const environment = {
  NODE_ENV: 'production',
  JWT_SECRET_KEY: jwtSecret,
  LOG_LEVEL: 'error',
  SHUTDOWN_DELAY: '0',
  SLOW_STATEMENT_MS: '600000', // with slow statements, the requests of a user would run one at a time
  RATE_LIMIT_USER: '900000000/60',
  RATE_LIMIT_PASSWORD_ADDRESS: '900000000/900',
  RATE_LIMIT_PASSWORD_ACCOUNT: '900000000/3600',
  RATE_LIMIT_MAIL_ADDRESS: '900000000/3600',
  RATE_LIMIT_MAIL_ACCOUNT: '900000000/3600',
  QUOTA_TASKS: '100000000',
};

interface Options {
  /** Variables that differ from those of all benchmarks. */
  environment?: NodeJS.ProcessEnv;
  /** The program `node`, by default that of this process. */
  node?: string;
  /** Measures how long requests block the event loop (monitor.mjs). */
  isMonitored?: boolean;
  /** Whether the server runs with the recommended memory limit. */
  hasMemoryLimit?: boolean;
}

/** Ended with this process, before the server of the database. */
const running = new Map<ChildProcess, MemoryLimit | undefined>();
process.prependOnceListener('exit', () => {
  for (const child of running.keys()) child.kill('SIGKILL');
  for (const memoryLimit of running.values()) memoryLimit?.removeSoon();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export class Server {
  private constructor(
    readonly url: string,
    readonly process: ChildProcess,
  ) {}

  get pid(): number {
    return this.process.pid!;
  }

  /** Starts a server and waits until it accepts connections. @throws Error if it ends before */
  static async start(kind: ServerKind, databaseUrl: string, options: Options = {}): Promise<Server> {
    const port = await freePort();
    const monitor = options.isMonitored ? ['--import', join(__dirname, 'monitor.mjs')] : [];
    const memoryLimit = options.hasMemoryLimit ? MemoryLimit.create(String(port)) : undefined;
    const program = options.node ?? process.execPath;
    const args = [...monitor, ...programs[kind]];
    const child = spawn(...(memoryLimit?.commandOf(program, args) ?? ([program, args] as const)), {
      env: {
        ...process.env,
        ...environment,
        DATABASE_URL: databaseUrl,
        PORT: String(port),
        ...options.environment,
      },
      stdio: ['ignore', 'inherit', 'inherit', ...(options.isMonitored ? (['ipc'] as const) : [])],
    });
    running.set(child, memoryLimit);
    child.once('exit', () => {
      running.delete(child);
      memoryLimit?.removeSoon();
    });
    while (!(await accepts(port))) {
      if (hasEnded(child))
        throw new Error(`The server (${kind}) ended with ${child.exitCode ?? child.signalCode}.`);
      await delay(50);
    }
    return new Server(`http://127.0.0.1:${port}`, child);
  }

  /** @throws Error if it has ended before, for example because it exceeded its memory limit */
  async stop(): Promise<void> {
    if (hasEnded(this.process))
      throw new Error(`The server was ended by ${this.process.signalCode ?? 'itself'}.`);
    const exit = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exit;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
