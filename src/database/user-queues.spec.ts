import { runInRequest } from '../core/request-context';
import { UserQueues } from './user-queues';

const limits = { running: 2, slow: 60_000, waiting: 3, wait: 60_000, unsent: 100, unsentInTotal: 250 };

/** Work that ends when it is told to. */
class Work {
  isRunning = false;
  end!: () => void;
  readonly result: Promise<unknown>;
  /** Like a client that closes its connection. */
  close: () => void = () => undefined;
  hasRemovedListener = false;

  constructor(queues: UserQueues, user: string, isWriting = false) {
    const work = () => {
      this.isRunning = true;
      return new Promise<void>((resolve) => (this.end = resolve)).finally(() => (this.isRunning = false));
    };
    const context = {
      id: '',
      address: null,
      appendHeader: () => undefined,
      onClose: (listener: () => void) => {
        this.close = listener;
        return () => (this.hasRemovedListener = true);
      },
    };
    let result!: Promise<unknown>;
    runInRequest(context, () => {
      result = queues.run(user, isWriting, work).then(
        () => 'done',
        (error: { status: number }) => error.status,
      );
    });
    this.result = result;
  }
}

/** Lets all promises that can settle do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

const running = (works: Work[]) => works.map(({ isRunning }) => isRunning);

describe('UserQueues', () => {
  let queues: UserQueues;
  beforeEach(() => (queues = new UserQueues(limits)));
  const reads = (user: string, count: number) => Array.from({ length: count }, () => new Work(queues, user));

  it('runs a part of the work of one user, in order, and that of others beside it', async () => {
    const works = reads('a', 4);
    const other = new Work(queues, 'b');
    await settle();
    expect(running(works)).toEqual([true, true, false, false]);
    expect(other.isRunning).toBe(true);
    works[1]!.end();
    await settle();
    expect(running(works)).toEqual([true, false, true, false]);
    works[0]!.end();
    await settle();
    expect(running(works)).toEqual([false, false, true, true]);
  });

  it('runs one write of a user at a time; reads pass a waiting write', async () => {
    const [first, second] = [new Work(queues, 'a', true), new Work(queues, 'a', true)];
    const read = new Work(queues, 'a');
    await settle();
    expect(running([first, second, read])).toEqual([true, false, true]);
    read.end();
    await settle();
    expect(second.isRunning).toBe(false);
    first.end();
    await settle();
    expect(second.isRunning).toBe(true);
  });

  it('runs the slow transactions of a user one at a time, and those of others beside them', async () => {
    queues = new UserQueues({ ...limits, slow: 0 });
    const works = [...reads('a', 2), new Work(queues, 'a', true), new Work(queues, 'b')];
    await settle();
    expect(running(works)).toEqual([true, false, false, true]);
    works[0]!.end();
    await settle();
    expect(running(works)).toEqual([false, true, false, true]);
    works[1]!.end();
    await settle();
    expect(running(works)).toEqual([false, false, true, true]);
  });

  it('refuses the excess of one user with 429', async () => {
    const works = reads('a', 6);
    expect(await works[5]!.result).toBe(429);
    const other = new Work(queues, 'b');
    await settle();
    expect(running([...works, other])).toEqual([true, true, false, false, false, false, true]);
  });

  it('refuses work that has waited too long', async () => {
    queues = new UserQueues({ ...limits, wait: 1 });
    const works = reads('a', 4);
    expect(await works[2]!.result).toBe(503);
    expect(await works[3]!.result).toBe(503);
    expect(running(works)).toEqual([true, true, false, false]);
    works[0]!.end();
    works[1]!.end();
    const release = queues.hold('a', 1000)!;
    // Nothing of this user runs that could start it or refuse it.
    expect(await new Work(queues, 'a').result).toBe(503);
    release();
    const work = new Work(queues, 'a');
    await settle();
    expect(work.isRunning).toBe(true);
  });

  it('drops waiting work of clients that have gone', async () => {
    const works = reads('a', 4);
    await settle();
    works[2]!.close();
    expect(await works[2]!.result).toBe(408);
    works[0]!.end();
    await settle();
    expect(running(works)).toEqual([false, true, false, true]);
    expect(works.map(({ hasRemovedListener }) => hasRemovedListener)).toEqual([false, false, true, true]);
  });

  it('starts no work of a user with too much unsent, until it is sent', async () => {
    const releases = [queues.hold('a', 60), queues.hold('a', 60)];
    const [work, other] = [new Work(queues, 'a'), new Work(queues, 'b')];
    await settle();
    expect(running([work, other])).toEqual([false, true]);
    releases[0]!();
    await settle();
    expect(work.isRunning).toBe(true);
  });

  it('refuses to hold more than the limit of all users, but holds any single response', () => {
    const release = queues.hold('a', 1000);
    expect(queues.hold('b', 1)).toBeUndefined();
    release!();
    expect(queues.hold('b', 200)).toBeDefined();
    expect(queues.hold('c', 50)).toBeDefined();
    expect(queues.hold('d', 1)).toBeUndefined();
  });

  it('continues after work that fails, and forgets users without work', async () => {
    const failure = queues.run('a', true, () => Promise.reject(new Error('failed')));
    await expect(failure).rejects.toThrow('failed');
    queues.hold('a', 1)!();
    expect((queues as unknown as { queues: Map<string, unknown> }).queues.size).toBe(0);
    const write = new Work(queues, 'a', true);
    await settle();
    expect(write.isRunning).toBe(true);
  });
});
