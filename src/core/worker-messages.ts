import cluster from 'node:cluster';

/** The argument of worker processes, which also shows in lists of processes. */
export const workerArgument = 'worker';

/** Whether this process is a worker of src/primary.ts, and not of another process manager. */
export const isWorker = cluster.isWorker && process.argv[2] === workerArgument;

/** What the primary process tells a worker. */
export type PrimaryMessage =
  /** `isReplaced`: another worker has started, so that the application stays ready. */
  | { type: 'stop'; reason: string; isReplaced: boolean }
  /** The worker sends its metrics. */
  | { type: 'metrics' };

/** What a worker tells the primary process. */
export type WorkerMessage =
  | { type: 'listening'; url: string }
  /** The worker cannot start. */
  | { type: 'failed'; reason: string }
  | { type: 'metrics'; metrics: MetricValues[] };

/** A metric as `prom-client` describes it. */
export interface MetricValues {
  name: string;
  type: string;
  aggregator: string;
}

/** Calls the listener with each message of the primary process. */
export function onPrimaryMessage(listener: (message: PrimaryMessage) => void): void {
  process.on('message', listener);
}

/** Resolves when the message has been sent, or cannot be sent because the primary process has ended. */
export function tellPrimary(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => process.send!(message, undefined, undefined, () => resolve()));
}
