import pLimit from 'p-limit';
import { unavailable } from '../core/problem';

/** Runs the writes of each user one after the other, so that waiting writes of one user hold no connections. */
export class UserQueues {
  private readonly queues = new Map<string, ReturnType<typeof pLimit>>();

  /** @param maxWait milliseconds after which a waiting write is refused */
  constructor(private readonly maxWait: number) {}

  /** @throws Problem 503 when the user's earlier writes took too long, and what `work` throws */
  async run<T>(userId: string, work: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.maxWait;
    const queue = this.queues.get(userId) ?? pLimit(1);
    this.queues.set(userId, queue);
    try {
      return await queue(() => {
        if (performance.now() > deadline) {
          throw unavailable('Your other write requests take too long. Try again.');
        }
        return work();
      });
    } finally {
      if (queue.activeCount + queue.pendingCount === 0) this.queues.delete(userId);
    }
  }
}
