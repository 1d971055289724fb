import { createSessions } from '../harness/data';
import type { Connection } from '../harness/load';
import { MemoryLimit, recommendedMegabytes } from '../harness/memory-limit';
import { print } from '../harness/print';
import { peakMegabytes, residentMegabytes, resetPeak } from '../harness/processes';
import { Server, ServerKind } from '../harness/servers';
import type { Dataset } from './dataset';
import { connectionOf, operations } from './operations';
import { Sample, takeSample } from './sample';
import { ThroughputOptions, warmUpServer } from './throughput';

/** The name of Cairn with the recommended memory limit. */
export const cairnWithLimit = `cairn, ${recommendedMegabytes} MB`;

export interface ConnectionsResult extends Sample {
  server: ServerKind | typeof cairnWithLimit;
  version: string;
  connections: number;
  /** MB, after the start of the server and at most with this load. */
  idle: number;
  peak: number;
}

const counts = [1, 16, 128, 1000];

/** Lists 20 tasks with more and more connections, each for another user if there are enough. Errors are counted. */
export async function measureConnections(
  options: Omit<ThroughputOptions, 'operations' | 'rounds' | 'warmUp'>,
) {
  const { generator, dataset, programs, seconds } = options;
  const { postmaster } = dataset;
  const results: ConnectionsResult[] = [];
  const servers: ConnectionsResult['server'][] = ['limit', 'cairn'];
  if (MemoryLimit.isPossible()) servers.push(cairnWithLimit);
  for (const { path, version } of programs) {
    for (const name of servers) {
      const [kind, url] =
        name === 'limit'
          ? (['limit', dataset.superuserUrl] as const)
          : (['cairn', dataset.databaseUrl] as const);
      const server = await Server.start(kind, url, { node: path, hasMemoryLimit: name === cairnWithLimit });
      const idle = residentMegabytes(server.pid);
      await warmUpServer(options, server);
      for (const count of counts) {
        const connections = await connectionsOf(dataset, count);
        resetPeak(server.pid);
        const { firstError, ...sample } = await takeSample({
          generator,
          server,
          postmaster,
          connections,
          seconds,
        });
        const result = {
          server: name,
          version,
          connections: count,
          idle,
          peak: peakMegabytes(server.pid),
          ...sample,
        };
        results.push(result);
        print(
          `${count} connections`,
          `${name}, Node ${version}`,
          `${result.rate.toFixed(0)}/s`,
          `p50 ${result.p50.toFixed(0)} ms`,
          `p99 ${result.p99.toFixed(0)} ms`,
          `memory ${idle} → ${result.peak} MB`,
          `${result.errors} errors ${firstError ?? ''}`,
        );
      }
      await server.stop();
    }
  }
  return results;
}

async function connectionsOf({ ordinary, superuserUrl }: Dataset, count: number): Promise<Connection[]> {
  const list = operations.find(({ name }) => name === 'list')!;
  const users = ordinary.slice(0, count);
  const tokens = await createSessions(
    superuserUrl,
    users.map(({ user }) => user),
  );
  return Array.from({ length: count }, (_, index) =>
    connectionOf(list, users[index % users.length]!, tokens[index % users.length]!),
  );
}
