import { logIn } from '../harness/api';
import { createSessions } from '../harness/data';
import type { LoadGenerator } from '../harness/load';
import { print } from '../harness/print';
import { peakMegabytes, residentMegabytes } from '../harness/processes';
import { Server, ServerKind } from '../harness/servers';
import { Dataset, findCursors, settle } from './dataset';
import { NodeProgram } from './machine';
import { connectionOf, Operation, operations as allOperations, TargetUser } from './operations';
import { requireSameResponses } from './same-responses';
import { medianOf, Sample, takeSample } from './sample';

/** One operation on one server. */
export interface OperationResult extends Sample {
  operation: string;
  server: ServerKind;
  /** The version of Node. */
  version: string;
}

/** The memory of a server, in MB: after its start, and the most that it had. */
export interface MemoryResult {
  server: ServerKind;
  version: string;
  idle: number;
  peak: number;
}

interface LoadTarget {
  generator: LoadGenerator;
  dataset: Dataset;
}

export interface ThroughputOptions extends LoadTarget {
  programs: NodeProgram[];
  operations: Operation[];
  rounds: number;
  seconds: number;
  /** Seconds for which each operation runs before it is measured, so that V8 has optimized its code. */
  warmUp: number;
}

interface Candidate {
  kind: ServerKind;
  version: string;
  server: Server;
  idle: number;
}

const connectionCount = 16;

/** After its start, each server answers so many lists, in steps of `step` seconds and for at most `maxSeconds`. */
const [firstLists, step, maxSeconds] = [3000, 0.5, 4];

/** In the order in which they are measured and shown. */
export const kinds: ServerKind[] = ['limit', 'cairn', 'without isolation'];

/**
 * Measures each operation on all servers in rounds, one server after the other, so that whatever else happens on the
 * machine affects all of them. The figures are the medians of the rounds.
 */
export async function measureThroughput(options: ThroughputOptions) {
  const { dataset, programs, operations, rounds } = options;
  const candidates = await start(dataset, programs);
  const cairn = candidates.find(({ kind }) => kind === 'cairn')!;
  await checkResponses(candidates, dataset);
  for (const { server } of candidates) await warmUpServer(options, server);
  const large: TargetUser[] = operations.some(({ group }) => group === 'large')
    ? await findCursors(cairn.server.url, dataset)
    : [];
  const results: OperationResult[] = [];
  for (const operation of operations) {
    const users = operation.group === 'large' ? large : dataset.ordinary.slice(0, connectionCount);
    const measured = candidates.filter(({ kind }) => kind === 'cairn' || operation.isCompared);
    const samples = new Map<Candidate, Sample[]>(measured.map((candidate) => [candidate, []]));
    for (let round = 0; round <= rounds; round++) {
      const seconds = round === 0 ? options.warmUp : options.seconds;
      for (const [{ server }, taken] of samples) {
        const sample = await measure(options, server, operation, users, seconds);
        if (round > 0) taken.push(sample);
      }
    }
    for (const [{ kind, version }, taken] of samples) {
      const result = { operation: operation.name, server: kind, version, ...medianOf(taken) };
      results.push(result);
      printResult(operation, result);
    }
    if (operation.isWrite) await settle(dataset);
  }
  const memory: MemoryResult[] = candidates.map(({ kind, version, server, idle }) => ({
    server: kind,
    version,
    idle,
    peak: peakMegabytes(server.pid),
  }));
  for (const { server } of candidates) await server.stop();
  return { results, memory };
}

async function start(dataset: Dataset, programs: NodeProgram[]): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const { version, path } of programs) {
    for (const kind of kinds) {
      const url = kind === 'cairn' ? dataset.databaseUrl : dataset.superuserUrl;
      const server = await Server.start(kind, url, { node: path });
      candidates.push({ kind, version, server, idle: residentMegabytes(server.pid) });
    }
  }
  return candidates;
}

async function checkResponses(candidates: Candidate[], dataset: Dataset): Promise<void> {
  const { user, task } = dataset.ordinary[0]!;
  const [token] = await createSessions(dataset.superuserUrl, [user]);
  const [first, ...others] = candidates;
  for (const { server } of others) await requireSameResponses(first!.server.url, server.url, token!, task);
  print('all servers give the same responses');
}

export async function warmUpServer(options: LoadTarget, server: Server): Promise<void> {
  const users = options.dataset.ordinary.slice(0, connectionCount);
  for (let lists = 0, seconds = 0; lists < firstLists && seconds < maxSeconds; seconds += step)
    lists += step * (await measure(options, server, allOperations[0]!, users, step)).rate;
}

async function measure(
  { generator, dataset: { postmaster, superuserUrl } }: LoadTarget,
  server: Server,
  operation: Operation,
  users: TargetUser[],
  seconds: number,
): Promise<Sample> {
  const tokens = await createSessions(
    superuserUrl,
    users.map(({ user }) => user),
  );
  const targets = operation.carries ? await Promise.all(users.map((user) => signedIn(server, user))) : users;
  const connections = Array.from({ length: connectionCount }, (_, index) =>
    connectionOf(operation, targets[index % targets.length]!, tokens[index % targets.length]!),
  );
  const { firstError, ...sample } = await takeSample({ generator, server, postmaster, connections, seconds });
  if (firstError !== undefined) throw new Error(`${operation.title}: ${firstError}`);
  return sample;
}

async function signedIn({ url }: Server, user: TargetUser): Promise<TargetUser> {
  const response = await logIn(url, user.email);
  const { refresh_token: refreshToken } = (await response.json()) as { refresh_token: string };
  return { ...user, refreshToken };
}

function printResult(
  { title }: Operation,
  { server, version, rate, p50, p99, node, postgres }: OperationResult,
): void {
  print(
    title,
    `${server}, Node ${version}`,
    `${rate.toFixed(0)}/s`,
    `p50 ${p50.toFixed(1)} ms`,
    `p99 ${p99.toFixed(1)} ms`,
    `node ${node.toFixed(0)} µs`,
    `PostgreSQL ${postgres.toFixed(0)} µs`,
  );
}
