import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { projectFolder } from '../../src/core/config';
import { onDatabase } from '../../test/setup/server';

/** A `node` that the servers are started with. */
export interface NodeProgram {
  path: string;
  version: string;
}

export function nodeProgram(path: string): NodeProgram {
  return { path, version: execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim() };
}

/** Where and when something was measured. */
export interface Machine {
  date: string;
  commit: string;
  processor: string;
  cores: number;
  memory: string;
  system: string;
  postgres: string;
  /** The load average of the last minute, before the measurements. */
  load: number;
}

export async function describeMachine(superuserUrl: string): Promise<Machine> {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: projectFolder, encoding: 'utf8' }).trim();
  const [, system = 'Linux'] = /PRETTY_NAME="(.+)"/.exec(readFileSync('/etc/os-release', 'utf8')) ?? [];
  const postgres = await onDatabase(superuserUrl, async (client) => {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]!.server_version;
  });
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', 'src') && ', with changes'}`,
    processor: cpus()[0]!.model.trim(),
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 1024 ** 3)} GB`,
    system,
    postgres,
    load: loadavg()[0]!,
  };
}
