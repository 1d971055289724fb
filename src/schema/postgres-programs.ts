import { spawn } from 'node:child_process';
import { ConfigError, ProgramConnection } from '../core/config';

/** The programs of PostgreSQL that Cairn runs. They are found on the PATH. */
export type PostgresProgram = 'pg_dump' | 'pg_restore';

/**
 * Runs a program.
 * @param read consumes its standard output
 * @throws ConfigError with its error message if it fails, and if `signal` ends it
 */
export async function runProgram<T>(
  program: PostgresProgram,
  args: string[],
  read: (output: AsyncIterable<Buffer>) => Promise<T>,
  { environment, signal }: { environment?: ProgramConnection['environment']; signal?: AbortSignal } = {},
): Promise<T> {
  const child = spawn(program, args, { env: environment, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  let failure: NodeJS.ErrnoException | undefined;
  child.once('error', (error) => (failure = error));
  const closed = new Promise<number | string>((resolve) =>
    child.once('close', (code, endSignal) => resolve(code ?? endSignal ?? -1)),
  );
  const [reading, code] = await Promise.all([settled(read(child.stdout)), closed]);
  if (signal?.aborted) throw new ConfigError('The command was interrupted.');
  if (failure?.code === 'ENOENT') throw new ConfigError(`${program} was not found. ${installHint()}`);
  if (failure) throw new ConfigError(`${program} cannot be run: ${failure.message}`, { cause: failure });
  if (code !== 0) throw new ConfigError(`${program} failed (${code}): ${errors.trim()}`);
  if (reading.status === 'rejected') throw reading.reason;
  return reading.value;
}

async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise]);
  return result;
}

/** Reads the output as text. */
export async function readText(output: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of output) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/**
 * @param serverVersion of the server that the program connects to, such as 180004
 * @returns the version of the program, such as 18.4
 * @throws ConfigError if it is not installed, or older than the server
 */
export async function checkProgram(program: PostgresProgram, serverVersion: number): Promise<string> {
  const text = await runProgram(program, ['--version'], readText);
  const [, version = ''] = /\(PostgreSQL\) (\S+)/.exec(text) ?? [];
  const [major, serverMajor] = [Number.parseInt(version), Math.floor(serverVersion / 10_000)];
  if (major >= serverMajor) return version;
  throw new ConfigError(
    `${program} has version ${version}, but the server has version ${serverMajor}. ${installHint(serverMajor)}`,
  );
}

function installHint(major?: number): string {
  return (
    `Install the client programs of PostgreSQL${major ? ` ${major}` : ', not older than the server'}, and put their folder ` +
    'on the PATH. See docs/backup.md.'
  );
}

/** Runs `work` with a signal that is aborted when the operator interrupts the process. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, abort);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, abort);
  }
}
