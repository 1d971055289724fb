import type { ConnectionsResult } from './connections';
import type { GrowthResult } from './growth';
import type { Machine } from './machine';
import type { MemoryResult, OperationResult } from './throughput';

/** Everything that was measured in one run. Parts that were not measured are undefined. */
export interface Results {
  machine?: Machine;
  options: {
    rounds: number;
    seconds: number;
    tasks: number;
    /** The versions of Node that the servers ran with. Growth is measured with the first one. */
    versions: string[];
  };
  growth?: GrowthResult[];
  throughput?: { results: OperationResult[]; memory: MemoryResult[] };
  connections?: ConnectionsResult[];
  /** Like `throughput`, with commits that wait for the disk. */
  durable?: { results: OperationResult[] };
  /** Milliseconds: the p99 of ordinary users, alone and beside a user who sends the most expensive requests. */
  fairness?: { p99Alone: number; p99Beside: number };
  /** Milliseconds for which one request blocks the event loop, alone and ten of the same at once. */
  eventLoop?: { longestAlone: number; longestTogether: number };
  memory?: MemoryPeaks;
}

/** MB: the largest peaks of the heaviest requests, one or 30 at once. */
export interface MemoryPeaks {
  alone?: number;
  together?: number;
  /** With the recommended memory limit; undefined if it could not be set. */
  togetherLimited?: number;
}
