import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recommendedMegabytes } from '../harness/memory-limit';
import type { ConnectionsResult } from './connections';
import type { GrowthResult } from './growth';
import type { Machine } from './machine';
import { operations } from './operations';
import { plotsOf } from './plots';
import type { Results } from './results';
import { growthOf, majorOf, numberText, processorTimeToLimit, ratioToLimit, targetsOf } from './targets';
import type { MemoryResult, OperationResult } from './throughput';

/** Writes README.md and the plots. */
export function writeReport(results: Results, folder: string): void {
  const plots = plotsOf(results);
  for (const [name, svg] of Object.entries(plots)) writeFileSync(join(folder, `${name}.svg`), svg);
  const image = (name: string, title: string) => (name in plots ? `![${title}](${name}.svg)\n` : '');
  const { throughput, durable, connections, growth, options } = results;
  const sections = [
    '# How fast Cairn is',
    'Written by `npm run bench`. [What is measured, and how](../README.md).',
    results.machine && machineText(results.machine, options.versions),
    '## Targets',
    targetTable(results),
    throughput &&
      `## Compared with a server written by hand

The limit is what a server can reach that was written by hand, with node:http and pg, for nothing but these requests: it
gives the same responses and verifies the access token, but has no validation, no sessions, no rate limits and no
isolation. The times are those of the processors for each request. 16 connections of 16 users, ${numberText(options.tasks)} tasks; medians of ${options.rounds} rounds of ${options.seconds} seconds.

${image('ratios', 'Throughput compared with the limit')}
${comparedTable(throughput.results)}

${image('processor-time', 'Processor time for each request')}`,
    throughput &&
      `## All operations

Cairn only. In \`latency.svg\`, a line reaches from the median to the 99th percentile.

${image('latency', 'Latency of all operations')}
${operationTable(throughput.results.filter(({ server }) => server === 'cairn'))}`,
    durable &&
      `## Writes that wait for the disk

The other measurements run without \`fsync\`, because they are about the work of the processors. These have it.

${operationTable(durable.results.filter(({ server }) => server !== 'without isolation'))}`,
    growth &&
      `## Growth

One user, one request at a time, Cairn on Node ${majorOf(options.versions[0]!)}: medians, and in parentheses the 95th percentile, in milliseconds. The user
has 10,000 tasks, the other tasks belong to others; in the column "own" of a full run, the user has 100,000.

${image('growth', 'Growth of the times of all lists')}
${growthTable(growth)}`,
    connections &&
      `## Connections

Lists of 20 tasks.

${image('connections', 'Throughput and latency with more connections')}
${connectionsTable(connections)}`,
    (throughput ?? connections) &&
      `## Memory

Resident memory in MB. \`cairn, ${recommendedMegabytes} MB\` has the memory limit that compose.yaml and deploy/cairn.service set; V8 adapts to
it. \`npm run bench:memory\` measures the heaviest requests.

${image('memory', 'Memory of the servers')}
${memoryTable(throughput?.memory ?? [], connections ?? [])}`,
  ];
  writeFileSync(
    join(folder, 'README.md'),
    `${sections
      .filter(Boolean)
      .join('\n\n')
      .replace(/\n{3,}/g, '\n\n')}\n`,
  );
}

function machineText(machine: Machine, versions: string[]): string {
  const { date, commit, processor, cores, memory, system, postgres, load } = machine;
  return table(
    ['measured on', ''],
    [
      ['date', `${date} UTC`],
      ['commit', commit],
      ['processor', `${processor}, ${cores} cores`],
      ['memory', memory],
      ['system', system],
      ['Node.js', versions.join(' and ')],
      ['PostgreSQL', postgres],
      ['load average before', load.toFixed(1)],
    ],
  );
}

function targetTable(results: Results): string {
  const rows = targetsOf(results).map(({ what, target, measured, isMet }) => [
    what,
    target,
    measured ?? 'not measured in this run',
    isMet === undefined ? '' : isMet ? '✅ met' : '❌ not met',
  ]);
  const note = `Times are those of whole requests, as a user with 10,000 tasks in the largest database, except for \`user by email\`,
which is the statement of a sign-in alone. [Why some targets are not met](../../docs/decisions/0046-targets-not-met.md), and
what was tried.`;
  return `${table(['what', 'target', 'measured', ''], rows)}\n\n${note}`;
}

const compared = operations.filter(({ isCompared }) => isCompared);

function comparedTable(all: OperationResult[]): string {
  const rows = compared.flatMap(({ name, title }) =>
    all
      .filter(({ operation }) => operation === name)
      .map((result) => [
        title,
        `${result.server}, Node ${majorOf(result.version)}`,
        numberText(result.rate),
        result.server === 'limit' ? '1' : (ratioToLimit(all, result)?.toFixed(2) ?? ''),
        numberText(result.node),
        numberText(result.postgres),
        processorTimeToLimit(all, result).toFixed(2),
      ]),
  );
  const head = [
    ...['operation', 'server', 'requests/s', '× the limit'],
    ...['Node.js, µs', 'PostgreSQL, µs', '× the limit'],
  ];
  return table(head, rows);
}

function operationTable(all: OperationResult[]): string {
  const rows = operations.flatMap(({ name, title }) =>
    all
      .filter(({ operation }) => operation === name)
      .map((result) => [
        title,
        `${result.server === 'cairn' ? '' : `${result.server}, `}Node ${majorOf(result.version)}`,
        numberText(result.rate),
        ...[result.p50, result.p95, result.p99].map((time) => time.toFixed(1)),
        numberText(result.node),
        numberText(result.postgres),
      ]),
  );
  const head = [
    'operation',
    '',
    'requests/s',
    'p50, ms',
    'p95, ms',
    'p99, ms',
    'Node.js, µs',
    'PostgreSQL, µs',
  ];
  return table(head, rows);
}

function growthTable(growth: GrowthResult[]): string {
  const longest = growth.reduce((one, other) => (other.times.length > one.times.length ? other : one));
  const columns = longest.times.map(
    ({ tasks, ownTasks }) =>
      `${numberText(tasks)}${ownTasks === 10_000 ? '' : `, ${numberText(ownTasks)} own`}`,
  );
  const rows = growth
    .filter(({ times }) => times.length > 1)
    .map((result) => [
      `\`${result.request}\``,
      ...columns.map((_column, index) => {
        const time = result.times[index];
        return time ? `${time.p50.toFixed(1)} (${time.p95.toFixed(1)})` : '';
      }),
      growthOf(result)?.toFixed(2) ?? '',
    ]);
  return table(['request', ...columns, 'growth'], rows);
}

function connectionsTable(connections: ConnectionsResult[]): string {
  const rows = connections.map((result) => [
    numberText(result.connections),
    `${result.server}, Node ${majorOf(result.version)}`,
    numberText(result.rate),
    ...[result.p50, result.p95, result.p99].map((time) => time.toFixed(1)),
    numberText(result.errors),
    numberText(result.peak),
  ]);
  return table(
    ['connections', 'server', 'requests/s', 'p50, ms', 'p95, ms', 'p99, ms', 'errors', 'memory, MB'],
    rows,
  );
}

function memoryTable(memory: MemoryResult[], connections: ConnectionsResult[]): string {
  const rows = [
    ...memory.map(({ server, version, idle, peak }) => [
      'all operations, 16 connections',
      server,
      version,
      idle,
      peak,
    ]),
    ...connections
      .filter((result) => result.connections === 1000)
      .map(({ server, version, peak }) => {
        const first = connections.find((result) => result.server === server && result.version === version)!;
        return ['lists, 1 to 1,000 connections', server, version, first.idle, peak];
      }),
  ];
  return table(
    ['load', 'server', 'after the start', 'at most'],
    rows.map(([load, server, version, idle, peak]) => [
      String(load),
      `${server}, Node ${majorOf(String(version))}`,
      String(idle),
      String(peak),
    ]),
  );
}

/** A Markdown table. Columns of numbers are aligned to the right. */
function table(head: string[], rows: string[][]): string {
  const isNumeric = head.map((_name, index) => rows.every((row) => /^([\d.,]|$)/.test(row[index]!)));
  const lines = [head, isNumeric.map((numeric) => (numeric ? '---:' : '---')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
