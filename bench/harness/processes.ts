import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/*
 * What Linux knows about the memory and the processor time of processes (proc(5)).
 */

const millisecondsPerTick = 10;

/** The processor time of all threads of a process, in milliseconds. */
export function processorTime(pid: number): number {
  const { own } = statOf(pid);
  return own * millisecondsPerTick;
}

/** The processor time of a PostgreSQL server: of all its processes, including those that have ended. */
export function processorTimeOfPostgres(postmaster: number): number {
  const { own, ended } = statOf(postmaster);
  let ticks = own + ended;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const child = statOf(Number(name));
      if (child.parent === postmaster) ticks += child.own;
    } catch {
      // The process has ended meanwhile.
    }
  }
  return ticks * millisecondsPerTick;
}

function statOf(pid: number): { parent: number; own: number; ended: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name of the program, in parentheses. It can contain spaces.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
  return { parent: fields[1]!, own: utime + stime, ended: cutime + cstime };
}

/** The memory that a process has in RAM, in MB; 0 if it has ended. */
export function residentMegabytes(pid: number): number {
  return megabytes(pid, 'VmRSS');
}

/** The most memory that a process has had in RAM, since its start or since `resetPeak`, in MB. */
export function peakMegabytes(pid: number): number {
  return megabytes(pid, 'VmHWM');
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function megabytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kilobytes = 0] = new RegExp(`${field}:\\s+(\\d+)`).exec(status) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}
