import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

/*
 * Loaded into the server before its own code. On the message `start` it starts to measure, on `end` it sends what it has
 * measured.
 */

export interface Usage {
  /** The longest time for which the event loop was blocked, in milliseconds. */
  longestBlock: number;
  /** Milliseconds of CPU time of all threads. */
  cpu: number;
}

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let start = process.cpuUsage();

process.on('message', (message) => void measure(message));

async function measure(message: unknown): Promise<void> {
  // The delay is recorded by a timer. It must have run after the last block.
  await setTimeout(3);
  if (message === 'start') {
    delay.reset();
    await setTimeout(3);
    start = process.cpuUsage();
    process.send!('started');
  } else {
    const { user, system } = process.cpuUsage(start);
    process.send!({ longestBlock: delay.max / 1e6, cpu: (user + system) / 1000 } satisfies Usage);
  }
}

process.on('disconnect', () => process.exit());
