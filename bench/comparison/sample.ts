import type { Connection, LoadGenerator, LoadResult } from '../harness/load';
import { processorTime, processorTimeOfPostgres } from '../harness/processes';
import type { Server } from '../harness/servers';
import { median } from '../harness/statistics';

/** The figures of one server for one kind of load. */
export interface Sample {
  /** Responses per second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p95: number;
  p99: number;
  /** Microseconds of processor time per response. */
  node: number;
  postgres: number;
  errors: number;
}

export interface LoadOptions {
  generator: LoadGenerator;
  server: Server;
  postmaster: number;
  connections: Connection[];
  seconds: number;
}

export async function takeSample(options: LoadOptions): Promise<Sample & Pick<LoadResult, 'firstError'>> {
  const { generator, server, postmaster, connections, seconds } = options;
  const times = () => [processorTime(server.pid), processorTimeOfPostgres(postmaster)] as const;
  const before = times();
  const result = await generator.send({ url: server.url, connections, seconds });
  const after = times();
  const [node, postgres] = [0, 1].map(
    (index) => (1000 * (after[index]! - before[index]!)) / result.responses,
  );
  return {
    rate: result.responses / result.seconds,
    ...result.latency,
    node: node!,
    postgres: postgres!,
    errors: result.errors,
    firstError: result.firstError,
  };
}

/** The median of each figure. */
export function medianOf(samples: Sample[]): Sample {
  const of = (figure: keyof Sample) => median(samples.map((sample) => sample[figure]));
  return {
    rate: of('rate'),
    p50: of('p50'),
    p95: of('p95'),
    p99: of('p99'),
    node: of('node'),
    postgres: of('postgres'),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
  };
}
