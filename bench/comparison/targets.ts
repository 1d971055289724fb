import { recommendedMegabytes } from '../harness/memory-limit';
import { cairnWithLimit, ConnectionsResult } from './connections';
import type { GrowthResult, GrowthTime } from './growth';
import type { Results } from './results';
import type { OperationResult } from './throughput';

/** One line of the table of targets. */
export interface Target {
  what: string;
  target: string;
  /** Undefined if this run has not measured it. */
  measured?: string;
  isMet?: boolean;
}

const limited = `with the recommended limit of ${recommendedMegabytes} MB`;

/** Compares the results with the project's targets. */
export function targetsOf(results: Results): Target[] {
  return [
    ...ratioTarget(results, 'list', 'list 20 tasks, throughput compared with the limit', 1),
    ...ratioTarget(results, 'get', 'get a task, likewise', 0.6),
    ...ratioTarget(results, 'create', 'create a task, likewise', 0.6),
    fairnessTarget(results),
    {
      what: 'the longest time for which one request blocks the event loop',
      ...below(results.eventLoop?.longestAlone, 50, 'ms'),
    },
    { what: 'user by email, p95', ...timeTarget(results, 'user by email', 5) },
    { what: 'get a task, p95', ...timeTarget(results, '/tasks/{task}', 5) },
    { what: 'create a task, p95', ...timeTarget(results, 'create a task', 15) },
    { what: 'update a task, p95', ...timeTarget(results, 'update a task', 15) },
    { what: 'delete or restore a task, p95', ...timeTarget(results, 'delete or restore a task', 10) },
    { what: 'list 100 tasks, p95', ...timeTarget(results, '/tasks?limit=100', 20) },
    { what: 'dashboard, p95', ...timeTarget(results, '/dashboard', 100) },
    { what: 'breakdown of a goal, p95', ...timeTarget(results, '/goals/{root}/breakdown', 200) },
    searchTarget(results),
    growthTarget(results),
    pageTarget(results),
    {
      what: 'errors with 1,000 clients',
      ...below(errorsAtThousand(results), 0, ''),
    },
    memoryTarget(`1,000 clients, ${limited}`, maximum(atThousand(results, cairnWithLimit)?.map(peakOf))),
    memoryTarget('1,000 clients, no memory limit', maximum(atThousand(results)?.map(peakOf))),
    memoryTarget(`the heaviest requests, 30 at once, ${limited}`, results.memory?.togetherLimited),
    memoryTarget('the heaviest requests, one at a time, no memory limit', results.memory?.alone),
    memoryTarget('the heaviest requests, 30 at once, no memory limit', results.memory?.together),
  ];
}

/** The throughput compared with the limit on the same version of Node. */
export function ratioToLimit(all: OperationResult[], result: OperationResult): number | undefined {
  const limit = limitOf(all, result);
  return limit && result.rate / limit.rate;
}

/** The processor time of Node and PostgreSQL compared with the limit: it depends less on other work of the machine. */
export function processorTimeToLimit(all: OperationResult[], result: OperationResult): number {
  const limit = limitOf(all, result)!;
  return (result.node + result.postgres) / (limit.node + limit.postgres);
}

function limitOf(
  all: OperationResult[],
  { operation, version }: OperationResult,
): OperationResult | undefined {
  return all.find(
    (other) => other.server === 'limit' && other.operation === operation && other.version === version,
  );
}

function ratioTarget({ throughput }: Results, operation: string, what: string, target: number): Target[] {
  const measured = throughput?.results.filter(
    (result) => result.operation === operation && result.server === 'cairn',
  );
  const text = `at least ${target.toFixed(1)} ×`;
  if (!measured?.length) return [{ what, target: text }];
  return measured.map((result) => {
    const ratio = ratioToLimit(throughput!.results, result)!;
    return {
      what: `${what}, Node ${majorOf(result.version)}`,
      target: text,
      measured: `${ratio.toFixed(2)} ×`,
      isMet: ratio >= target,
    };
  });
}

function fairnessTarget({ fairness }: Results): Target {
  const what =
    'p99 of ten users beside one with the most expensive requests, compared with the p99 when idle';
  const target = 'at most 3 ×';
  if (!fairness) return { what, target };
  const ratio = fairness.p99Beside / fairness.p99Alone;
  const times = `${fairness.p99Alone.toFixed(1)} → ${fairness.p99Beside.toFixed(1)} ms`;
  return { what, target, measured: `${ratio.toFixed(1)} × (${times})`, isMet: ratio <= 3 };
}

/** For a user with 10,000 tasks, in the largest database. */
function timeOf({ growth }: Results, request: string, ownTasks = 10_000): GrowthTime | undefined {
  return growth
    ?.find((result) => result.request === request)
    ?.times.filter((time) => time.ownTasks === ownTasks)
    .at(-1);
}

function timeTarget(results: Results, request: string, target: number): Omit<Target, 'what'> {
  return below(timeOf(results, request)?.p95, target, 'ms');
}

function searchTarget(results: Results): Target {
  const times = results.growth
    ?.filter(({ request }) => request.startsWith('/tasks?') && request.includes('q='))
    .flatMap(({ times: all }) => all.filter(({ ownTasks }) => ownTasks === 100_000).map(({ p95 }) => p95));
  return { what: 'search in 100,000 tasks of one user, p95', ...below(maximum(times), 150, 'ms') };
}

/** How many times longer a list takes in the largest database than in the smallest. */
export function growthOf({ times }: GrowthResult): number | undefined {
  const own = times.filter(({ ownTasks }) => ownTasks === 10_000);
  return own.length < 2 ? undefined : own.at(-1)!.p50 / own[0]!.p50;
}

function growthTarget({ growth = [] }: Results): Target {
  const lists = growth.filter(({ isList }) => isList);
  const ratios = lists.map(growthOf).filter((ratio) => ratio !== undefined);
  const sizes = lists[0]?.times.filter(({ ownTasks }) => ownTasks === 10_000).map(({ tasks }) => tasks) ?? [];
  const target = 'at most 1.3 ×';
  if (!ratios.length) return { what: 'any list with more tasks of other users', target };
  const what = `any list with ${numberText(sizes.at(-1)!)} tasks, compared with ${numberText(sizes[0]!)}`;
  const largest = Math.max(...ratios);
  const slowest = lists.find((list) => growthOf(list) === largest)!;
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const measured = `${mean.toFixed(2)} × on average, ${largest.toFixed(2)} × at most (\`${slowest.request}\`)`;
  return { what, target, measured, isMet: largest <= 1.3 };
}

function pageTarget(results: Results): Target {
  const what = 'page 1,000, compared with page 1';
  const target = 'at most 1.3 ×';
  const [first, last] = ['/tasks?limit=10', '/tasks?limit=10&cursor=(page 1,000)'].map((request) =>
    timeOf(results, request),
  );
  if (!first || !last) return { what, target };
  const ratio = last.p50 / first.p50;
  return { what, target, measured: `${ratio.toFixed(2)} ×`, isMet: ratio <= 1.3 };
}

function errorsAtThousand(results: Results): number | undefined {
  const all = [...(atThousand(results) ?? []), ...(atThousand(results, cairnWithLimit) ?? [])];
  return all.length > 0 ? all.reduce((sum, { errors }) => sum + errors, 0) : undefined;
}

function memoryTarget(load: string, peak: number | undefined): Target {
  return { what: `memory with ${load}`, ...below(peak, 256, 'MB') };
}

function peakOf({ peak }: ConnectionsResult): number {
  return peak;
}

function atThousand({ connections }: Results, name: ConnectionsResult['server'] = 'cairn') {
  return connections?.filter(({ connections: count, server }) => count === 1000 && server === name);
}

function maximum(values: number[] | undefined): number | undefined {
  return values?.length ? Math.max(...values) : undefined;
}

function below(value: number | undefined, target: number, unit: string): Omit<Target, 'what'> {
  const text = target === 0 ? 'none' : `at most ${target} ${unit}`;
  if (value === undefined) return { target: text };
  const digits = unit === 'ms' ? 1 : 0;
  return { target: text, measured: `${value.toFixed(digits)} ${unit}`.trim(), isMet: value <= target };
}

export function numberText(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function majorOf(version: string): string {
  return version.split('.')[0]!;
}
