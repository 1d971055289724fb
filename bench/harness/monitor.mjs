/*
 * Loaded into a server before its own code. On the message `start` it starts to measure; on `end` it sends the longest
 * time for which the event loop was blocked and the processor time of all threads, in milliseconds. Plain JavaScript,
 * so that nothing but it is loaded.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let start = process.cpuUsage();

async function measure(message) {
  // The delay is recorded by a timer. It must have run after the last block.
  await setTimeout(3);
  if (message === 'start') {
    delay.reset();
    await setTimeout(3);
    start = process.cpuUsage();
    process.send('started');
  } else {
    const { user, system } = process.cpuUsage(start);
    process.send({ longestBlock: delay.max / 1e6, cpu: (user + system) / 1000 });
  }
}

process.on('message', (message) => void measure(message));
process.on('disconnect', () => process.exit());
