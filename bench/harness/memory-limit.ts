import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { print } from './print';

/** MB: the limit of an instance in compose.yaml and deploy/cairn.service. */
export const recommendedMegabytes = 512;

/** Where Linux has the memory limits of groups of processes, in version 2 and 1 of cgroups. */
const [folder, file] = existsSync('/sys/fs/cgroup/cgroup.controllers')
  ? ['/sys/fs/cgroup', 'memory.max']
  : ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'];

/**
 * A group of processes with the recommended memory limit, as containers have one. Only root may create it, and only where
 * Linux limits memory by groups.
 */
export class MemoryLimit {
  private constructor(private readonly group: string) {}

  /** Whether this process may create groups. Prints why not. */
  static isPossible(): boolean {
    try {
      MemoryLimit.create('probe').remove();
      return true;
    } catch (error) {
      print(`Not measured with a memory limit: ${String(error)}`);
      return false;
    }
  }

  static create(name: string): MemoryLimit {
    const group = join(folder, `cairn-bench-${process.pid}-${name}`);
    mkdirSync(group);
    const limit = new MemoryLimit(group);
    try {
      writeFileSync(join(group, file), String(recommendedMegabytes * 1024 * 1024));
      return limit;
    } catch (error) {
      limit.remove();
      throw error;
    }
  }

  /** The command that runs a program in the group, in the same process. */
  commandOf(program: string, args: string[]): [string, string[]] {
    return ['sh', ['-c', 'echo $$ > "$0" && exec "$@"', join(this.group, 'cgroup.procs'), program, ...args]];
  }

  /** Waits up to a second for the program, which has been killed. */
  removeSoon(): void {
    for (let attempts = 20; attempts > 0; attempts--) {
      try {
        return this.remove();
      } catch {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      }
    }
  }

  private remove(): void {
    rmdirSync(this.group);
  }
}
