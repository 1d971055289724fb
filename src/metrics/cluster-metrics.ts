import cluster, { Worker } from 'node:cluster';
import { once } from 'node:events';
import { AggregatorRegistry } from 'prom-client';
import type { MetricValues, PrimaryMessage, WorkerMessage } from '../core/worker-messages';

/** Milliseconds within which a worker must send its metrics. Otherwise its previous ones are used. */
const responseTimeout = 3000;

/**
 * The metrics of all workers as those of one process, for the primary process. No counter decreases when a worker ends:
 * Prometheus would take that for a restart, and count everything again.
 */
export class ClusterMetrics {
  /** The last metrics of each worker by its id. */
  private readonly ofWorkers = new Map<number, MetricValues[]>();
  /** The counters of workers that have ended. */
  private ofEnded: Promise<MetricValues[]> = Promise.resolve([]);

  constructor() {
    cluster.on('message', ({ id }, message: WorkerMessage) => {
      if (message.type === 'metrics') this.ofWorkers.set(id, message.metrics);
    });
    // After the last message of the worker, which contains its metrics.
    cluster.on('disconnect', ({ id }) => this.keepCounters(id));
  }

  /** @param workers those to ask */
  async text(workers: Worker[]): Promise<string> {
    await Promise.all(workers.map((worker) => this.ask(worker)));
    const ofEnded = await this.ofEnded;
    return AggregatorRegistry.aggregate([ofEnded, ...this.ofWorkers.values()]).metrics();
  }

  private async ask(worker: Worker): Promise<void> {
    const message: PrimaryMessage = { type: 'metrics' };
    worker.send(message, () => undefined);
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(responseTimeout)]);
    const responses = ['message', 'disconnect'].map((event) => once(worker, event, { signal }));
    await Promise.race(responses).catch(() => undefined);
    ended.abort();
  }

  private keepCounters(id: number): void {
    const counters = (this.ofWorkers.get(id) ?? []).filter(({ type }) => type !== 'gauge');
    this.ofWorkers.delete(id);
    this.ofEnded = this.ofEnded.then(
      async (ofEnded) =>
        (await AggregatorRegistry.aggregate([
          ofEnded,
          counters,
        ]).getMetricsAsJSON()) as unknown as MetricValues[],
    );
  }
}
