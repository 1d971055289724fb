import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { cairnWithLimit, ConnectionsResult } from './connections';
import type { GrowthResult } from './growth';
import { operations } from './operations';
import type { Results } from './results';
import { growthOf, majorOf, ratioToLimit } from './targets';
import { kinds, OperationResult } from './throughput';

const { document } = parseHTML('<html></html>') as unknown as { document: object };

/** The types of the DOM are not those of Node. */
interface SvgElement {
  setAttribute(name: string, value: string): void;
  outerHTML: string;
}

/** Readable on light and on dark pages: each plot brings its background, and follows the color scheme of the reader. */
const style = `<style>
  .plot { background: #ffffff; color: #1f2328; }
  @media (prefers-color-scheme: dark) { .plot { background: #161b22; color: #e6edf3; } }
</style>`;

/** Have enough contrast on both backgrounds. */
const colors: Record<string, string> = {
  limit: '#8b949e',
  cairn: '#2f81f7',
  [cairnWithLimit]: '#8957e5',
  'without isolation': '#bf8700',
  'Node.js': '#2da44e',
  PostgreSQL: '#4a6fa5',
  target: '#e5534b',
};
const colorScale = { domain: Object.keys(colors), range: Object.values(colors) };
const width = 860;

const titles = new Map(operations.map(({ name, title }) => [name, title]));

interface Row extends OperationResult {
  title: string;
  /** The version of Node. */
  program: string;
  ratio: number | undefined;
}

/** The SVG of each plot for which there are results. */
export function plotsOf({ throughput, connections, growth }: Results): Record<string, string> {
  const plots: Record<string, string> = {};
  if (throughput) {
    const rows = throughput.results.map((result) => ({
      ...result,
      title: titles.get(result.operation)!,
      program: `Node ${majorOf(result.version)}`,
      ratio: ratioToLimit(throughput.results, result),
    }));
    const compared = rows.filter(({ ratio }) => ratio !== undefined);
    if (compared.length) {
      plots.ratios = ratios(compared);
      plots['processor-time'] = processorTime(compared);
    }
    plots.latency = latency(rows.filter(({ server }) => server === 'cairn'));
  }
  if (growth && growth[0]!.times.length > 1) plots.growth = growthOfLists(growth);
  if (connections) {
    plots.connections = byConnections(connections, 'rate', 'requests per second');
    plots['connections-latency'] = byConnections(connections, 'p99', '99th percentile of the latency (ms)');
    plots.memory = byConnections(connections, 'peak', 'resident memory, at most (MB)', 256);
  }
  return plots;
}

function ratios(rows: Row[]): string {
  const bars = rows.filter(({ server }) => server !== 'limit');
  return draw(bars, 60, {
    x: {
      label: 'throughput, compared with the limit →',
      domain: [0, Math.max(1.1, ...bars.map(({ ratio }) => ratio! * 1.15))],
    },
    marks: [
      Plot.barX(bars, { ...facets, x: 'ratio', y: 'server', fill: 'server' }),
      Plot.text(bars, {
        ...facets,
        x: 'ratio',
        y: 'server',
        text: ({ ratio }: Row) => ratio!.toFixed(2),
        ...beside,
      }),
      Plot.ruleX([1], { stroke: colors.limit, strokeDasharray: '4 3' }),
    ],
  });
}

function processorTime(rows: Row[]): string {
  const parts = rows.flatMap((row) => [
    { ...row, part: 'Node.js', time: row.node },
    { ...row, part: 'PostgreSQL', time: row.postgres },
  ]);
  const sums = rows.map((row) => ({ ...row, time: row.node + row.postgres }));
  return draw(rows, 80, {
    x: {
      label: 'processor time for each request (µs): Node.js green, PostgreSQL blue →',
      domain: [0, Math.max(...sums.map(({ time }) => time)) * 1.15],
    },
    marks: [
      Plot.barX(parts, { ...facets, x: 'time', y: 'server', fill: 'part' }),
      Plot.text(sums, {
        ...facets,
        x: 'time',
        y: 'server',
        text: ({ time }: { time: number }) => time.toFixed(0),
        ...beside,
      }),
    ],
  });
}

function latency(rows: Row[]): string {
  return toSvg({
    height: 80 + 24 * new Set(rows.map(({ title }) => title)).size,
    marginLeft: 170,
    fx: { label: null },
    x: {
      type: 'log',
      label: 'latency (ms): median, 95th and 99th percentile, 16 connections →',
      grid: true,
      nice: true,
      tickFormat: ',',
    },
    y: {
      label: null,
      domain: operations.map(({ title }) => title).filter((title) => rows.some((row) => row.title === title)),
    },
    marks: [
      Plot.ruleY(rows, {
        fx: 'program',
        y: 'title',
        x1: 'p50',
        x2: 'p99',
        stroke: colors.cairn,
        strokeOpacity: 0.6,
      }),
      Plot.tickX(rows, {
        fx: 'program',
        y: 'title',
        x: 'p95',
        stroke: colors.cairn,
        insetTop: 6,
        insetBottom: 6,
      }),
      Plot.tickX(rows, {
        fx: 'program',
        y: 'title',
        x: 'p99',
        stroke: colors.cairn,
        insetTop: 6,
        insetBottom: 6,
      }),
      Plot.dot(rows, { fx: 'program', y: 'title', x: 'p50', fill: colors.cairn, r: 4 }),
    ],
  });
}

function growthOfLists(growth: GrowthResult[]): string {
  const lists = growth.filter((result) => result.isList && growthOf(result) !== undefined);
  const points = lists.flatMap(({ request, times }) =>
    times
      .filter(({ ownTasks }) => ownTasks === 10_000)
      .map(({ tasks, p50 }) => ({ request, tasks, growth: p50 / times[0]!.p50 })),
  );
  const slowest = [...lists].sort((a, b) => growthOf(b)! - growthOf(a)!).slice(0, 1);
  const labels = points.filter(({ request }) => slowest.some((list) => list.request === request)).slice(-1);
  return toSvg({
    height: 380,
    marginRight: 40,
    x: {
      type: 'log',
      label: 'tasks of all users →',
      tickFormat: ',',
      ticks: [...new Set(points.map(({ tasks }) => tasks))],
    },
    y: {
      label: '↑ median time, compared with the smallest database; one line for each list',
      grid: true,
      zero: true,
    },
    marks: [
      Plot.ruleY([1.3], { stroke: colors.target, strokeDasharray: '4 3' }),
      Plot.text(['at most 1.3 ×'], { frameAnchor: 'left', y: 1.3, dy: -8, dx: 4, fill: colors.target }),
      Plot.line(points, { x: 'tasks', y: 'growth', z: 'request', stroke: colors.cairn, strokeOpacity: 0.45 }),
      Plot.text(labels, { x: 'tasks', y: 'growth', text: 'request', textAnchor: 'end', dy: -8 }),
    ],
  });
}

function byConnections(
  connections: ConnectionsResult[],
  figure: 'rate' | 'p99' | 'peak',
  label: string,
  target?: number,
): string {
  const rows = connections.map((result) => ({ ...result, program: `Node ${majorOf(result.version)}` }));
  const lines = { fx: 'program', x: 'connections', y: figure, stroke: 'server' } as const;
  return toSvg({
    height: 300,
    marginLeft: 60,
    marginRight: 100,
    fx: { label: null, padding: 0.3 },
    x: { type: 'log', label: 'connections →', ticks: [1, 16, 128, 1000], tickFormat: ',' },
    y: { label: `↑ ${label}`, grid: true, zero: true, nice: true },
    marks: [
      ...(target === undefined
        ? []
        : [Plot.ruleY([target], { stroke: colors.target, strokeDasharray: '4 3' })]),
      Plot.line(rows, lines),
      Plot.dot(rows, { ...lines, fill: 'server', stroke: 'none' }),
      Plot.text(
        rows,
        Plot.selectMaxX({
          ...lines,
          stroke: null,
          z: 'server',
          fill: 'server',
          text: 'server',
          textAnchor: 'start',
          dx: 6,
        }),
      ),
    ],
  });
}

/** A row of plots for each operation, and a column for each version of Node. */
const facets = { fx: 'program', fy: 'title' } as const;
const beside = { textAnchor: 'start', dx: 4 } as const;

function draw(shown: Row[], rowHeight: number, options: Plot.PlotOptions): string {
  const compared = [...new Set(shown.map(({ title }) => title))];
  return toSvg({
    height: 95 + rowHeight * compared.length,
    marginLeft: 125,
    marginRight: 100,
    fx: { label: null },
    fy: { label: null, domain: compared },
    y: { label: null, domain: kinds.filter((kind) => shown.some(({ server }) => server === kind)) },
    ...options,
  });
}

function toSvg(options: Plot.PlotOptions): string {
  const common = {
    document,
    width,
    color: colorScale,
    className: 'plot',
    style: { fontSize: '12px' },
    marginBottom: 45,
  };
  const plot = Plot.plot({ ...common, ...options }) as unknown as SvgElement;
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return plot.outerHTML.replace('>', `>${style}`);
}
