import { Problem, unavailable } from '../core/problem';
import { onRequestClose } from '../core/request-context';

export interface UserLimits {
  /** Maximum number of transactions of one user at the same time. */
  running: number;
  /** Milliseconds from which a transaction is slow: while the user has slow ones, they run one at a time. */
  slow: number;
  /** Maximum number of waiting transactions of one user. */
  waiting: number;
  /** Milliseconds after which a waiting transaction is refused. */
  wait: number;
  /** Maximum number of characters in unsent responses of one user. While there are more, transactions wait. */
  unsent: number;
  /** Maximum number of characters in unsent responses of all users together. */
  unsentInTotal: number;
}

/** Milliseconds after a slow transaction for which the transactions of its user run one at a time. */
const slowPeriod = 10_000;

interface UserQueue {
  /** When the running transactions were started, oldest first. */
  running: number[];
  isWriting: boolean;
  /** When the last slow transaction ended; -Infinity if there was none. */
  lastSlow: number;
  /** Characters in responses that the client has not received yet. */
  unsent: number;
  waiting: { isWriting: boolean; start: () => void }[];
}

/**
 * Bounds what one user uses of this instance: connections to the database, and memory. The transactions of a user start in
 * the order of their requests, except that a write waits until the user's previous write has ended. Slow transactions of
 * a user run one at a time, so that they do not occupy several processor cores of the database.
 *
 * Each user has at most `running` entries in the queue of the connection pool, which is first in, first out: users get
 * connections in turn. A waiting transaction is dropped when its client closes the connection.
 */
export class UserQueues {
  private readonly queues = new Map<string, UserQueue>();
  private unsentInTotal = 0;

  constructor(private readonly limits: UserLimits) {}

  /** @throws Problem 429 or 503 when the user has too many or too slow other requests, and what `work` throws */
  async run<T>(userId: string, isWriting: boolean, work: () => Promise<T>): Promise<T> {
    const queue = this.queueOf(userId);
    const started = this.canStart(queue, isWriting)
      ? this.start(queue, isWriting)
      : await this.waitForStart(queue, isWriting);
    try {
      return await work();
    } finally {
      const now = performance.now();
      if (now - started >= this.limits.slow) queue.lastSlow = now;
      queue.running.splice(queue.running.indexOf(started), 1);
      if (isWriting) queue.isWriting = false;
      this.startWaiting(userId, queue);
    }
  }

  /**
   * Counts a response as unsent.
   * @returns a function that must be called when the response has been sent; undefined if too much is unsent in total
   */
  hold(userId: string, length: number): (() => void) | undefined {
    if (this.unsentInTotal > 0 && this.unsentInTotal + length > this.limits.unsentInTotal) return undefined;
    const queue = this.queueOf(userId);
    this.unsentInTotal += length;
    queue.unsent += length;
    return () => {
      this.unsentInTotal -= length;
      queue.unsent -= length;
      this.startWaiting(userId, queue);
    };
  }

  /** Number of waiting transactions of all users. */
  get waiting(): number {
    let total = 0;
    for (const { waiting } of this.queues.values()) total += waiting.length;
    return total;
  }

  private queueOf(userId: string): UserQueue {
    const queue = this.queues.get(userId) ?? newQueue();
    this.queues.set(userId, queue);
    return queue;
  }

  private canStart(queue: UserQueue, isWriting: boolean): boolean {
    const maxRunning = this.isSlow(queue) ? 1 : this.limits.running;
    const isFree = queue.running.length < maxRunning && queue.unsent < this.limits.unsent;
    return isFree && !(isWriting && queue.isWriting);
  }

  private isSlow({ running: [oldest], lastSlow }: UserQueue): boolean {
    const now = performance.now();
    return now - lastSlow < slowPeriod || (oldest !== undefined && now - oldest >= this.limits.slow);
  }

  /** @returns the time */
  private start(queue: UserQueue, isWriting: boolean): number {
    const now = performance.now();
    queue.running.push(now);
    if (isWriting) queue.isWriting = true;
    return now;
  }

  private async waitForStart(queue: UserQueue, isWriting: boolean): Promise<number> {
    if (queue.waiting.length >= this.limits.waiting) throw tooManyRequests();
    let stopWaiting!: () => void;
    const started = new Promise<number>((resolve, reject) => {
      const start = () => resolve(this.start(queue, isWriting));
      const entry = { isWriting, start };
      queue.waiting.push(entry);
      const refuse = (problem: Problem) => {
        const position = queue.waiting.indexOf(entry);
        if (position < 0) return;
        queue.waiting.splice(position, 1);
        reject(problem);
      };
      const timer = setTimeout(
        () => refuse(unavailable('Your other requests take too long. Try again.')),
        this.limits.wait,
      );
      const removeCloseListener = onRequestClose(() =>
        refuse(new Problem(408, 'timeout', 'The client closed the connection.')),
      );
      stopWaiting = () => {
        clearTimeout(timer);
        removeCloseListener();
      };
    });
    // One request can wait many times: a batch waits before each operation.
    return started.finally(stopWaiting);
  }

  private startWaiting(userId: string, queue: UserQueue): void {
    for (;;) {
      const next = queue.waiting.findIndex(({ isWriting }) => this.canStart(queue, isWriting));
      if (next < 0) break;
      queue.waiting.splice(next, 1)[0]!.start();
    }
    if (queue.running.length === 0 && queue.unsent === 0) this.queues.delete(userId);
  }
}

function newQueue(): UserQueue {
  return { running: [], isWriting: false, lastSlow: -Infinity, unsent: 0, waiting: [] };
}

function tooManyRequests(): Problem {
  return new Problem(
    429,
    'too_many_requests',
    'Too many of your requests are in progress. Wait for their responses and try again.',
    undefined,
    { 'retry-after': '1' },
  );
}
