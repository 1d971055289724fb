import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { dataFolder } from '../src/core/config';
import { measureConnections } from './comparison/connections';
import { createDataset, Dataset } from './comparison/dataset';
import { measureGrowth } from './comparison/growth';
import { describeMachine, nodeProgram } from './comparison/machine';
import { Operation, operations } from './comparison/operations';
import { writeReport } from './comparison/report';
import type { Results } from './comparison/results';
import { measureThroughput } from './comparison/throughput';
import { LoadGenerator } from './harness/load';
import { finish, print } from './harness/print';

/*
 * Compares Cairn with a server that was written by hand, measures how its times grow with connections and data, and writes
 * a report. See README.md in this folder.
 */

interface Options {
  quick?: true;
  parts: Part[];
  only: string[];
  rounds: number;
  seconds: number;
  warmUp: number;
  tasks: number;
  growth: number[];
  node: string[];
  report: string;
}

/** In the order in which they are measured. */
const parts = ['growth', 'throughput', 'connections', 'durable', 'fairness', 'event-loop', 'memory'] as const;
type Part = (typeof parts)[number];

/** In less than two minutes. */
const quick = {
  parts: ['throughput', 'connections'] as Part[],
  rounds: 3,
  seconds: 0.4,
  warmUp: 0.5,
  tasks: 100_000,
  growth: [10_000, 100_000],
};
const growthSamples = 60;

/** Smaller than the others: only how long commits take is of interest. */
const durableTasks = 50_000;

/** The requests of `bench:memory` that take most: all of them take twenty minutes. */
const heaviest = '200 (long )?tasks|history of large|export|atomic batch';

const command = new Command('npm run bench --')
  .option('--quick', 'smaller and shorter, in less than two minutes')
  .addOption(new Option('--parts <part...>', 'which parts').choices(parts).default([...parts]))
  .addOption(
    new Option('--only <operations>', 'names of operations, separated by commas, such as list,get,create')
      .argParser(parseOperations)
      .default(
        operations.map(({ name }) => name),
        'all',
      ),
  )
  .option('--rounds <number>', 'measurements of each operation on each server', parseNumber, 5)
  .option('--seconds <number>', 'duration of one measurement', parseNumber, 1.5)
  .option('--warm-up <number>', 'seconds before the measurements of an operation', parseNumber, 4)
  .option('--tasks <number>', 'tasks in the database for the operations', parseNumber, 1_000_000)
  .option(
    '--growth <numbers>',
    'tasks in the databases that are compared',
    parseNumbers,
    [10_000, 100_000, 1_000_000],
  )
  .option('--node <path...>', 'programs to run the servers with', [process.execPath])
  .option('--report <folder>', 'where to write the report', join(dataFolder, 'bench-report'));

async function main(): Promise<void> {
  const given = command.parse().opts<Options>();
  const options = given.quick ? { ...given, ...changedBy(quick) } : given;
  const start = Date.now();
  const programs = options.node.map(nodeProgram);
  const isMeasured = (part: Part) => options.parts.includes(part);
  const selected = operations.filter(({ name }) => options.only.includes(name));
  const generator = new LoadGenerator();

  const sizes = new Set(isMeasured('growth') ? options.growth : []);
  if (isMeasured('throughput') || isMeasured('connections')) sizes.add(options.tasks);
  const datasets = new Map<number, Dataset>();
  for (const size of [...sizes].sort((a, b) => a - b)) {
    progress(`creating ${size.toLocaleString('en')} tasks`);
    datasets.set(size, await createDataset(size));
  }
  const dataset = datasets.get(options.tasks);
  const [anyDataset] = datasets.values();
  const results: Results = {
    machine: anyDataset && (await describeMachine(anyDataset.superuserUrl)),
    options: {
      rounds: options.rounds,
      seconds: options.seconds,
      tasks: options.tasks,
      versions: programs.map(({ version }) => version),
    },
  };

  const { rounds, seconds, warmUp } = options;
  const common = { generator, programs, rounds, seconds, warmUp };
  const measurements: Record<Part, () => Promise<void>> = {
    growth: async () => {
      const compared = options.growth.map((size) => datasets.get(size)!);
      results.growth = await measureGrowth(compared, programs[0]!, growthSamples);
    },
    throughput: async () => {
      results.throughput = await measureThroughput({ ...common, dataset: dataset!, operations: selected });
    },
    connections: async () => {
      results.connections = await measureConnections({ ...common, dataset: dataset! });
    },
    durable: async () => {
      const durable = await createDataset(durableTasks, true);
      results.machine ??= await describeMachine(durable.superuserUrl);
      const writes: Operation[] = selected.filter(({ isWrite }) => isWrite);
      results.durable = await measureThroughput({ ...common, dataset: durable, operations: writes });
    },
    fairness: async () => void (results.fairness = await run('fairness')),
    'event-loop': async () => void (results.eventLoop = await run('event-loop')),
    memory: async () => void (results.memory = await run('memory', heaviest)),
  };
  const folder = resolve(options.report);
  mkdirSync(folder, { recursive: true });
  for (const part of parts.filter(isMeasured)) {
    progress(part);
    await measurements[part]();
    // After each part, so that a run that is interrupted has a report too.
    writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
    writeReport(results, folder);
  }
  generator.stop();
  print(`${join(folder, 'README.md')}, after ${Math.round((Date.now() - start) / 1000)} seconds`);
  finish();
}

/** The values of `preset` that are not given as options. */
function changedBy(preset: Partial<Options>): Partial<Options> {
  return Object.fromEntries(
    Object.entries(preset).filter(([name]) => command.getOptionValueSource(name) === 'default'),
  );
}

/** Runs another benchmark in a process of its own. @returns its figures */
async function run<T>(name: string, ...args: string[]): Promise<T> {
  const child = fork(join(__dirname, `${name}.ts`), args, { execArgv: process.execArgv });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} ended without figures.`);
  });
  const figures = once(child, 'message');
  const [result] = (await Promise.race([figures, ended])) as [T];
  await ended.catch(() => undefined);
  return result;
}

function progress(what: string): void {
  print(`\n${new Date().toISOString().slice(11, 19)} ${what}`);
}

function parseNumber(text: string): number {
  const number = Number(text.replaceAll('_', ''));
  if (!(number > 0)) throw new InvalidArgumentError('Not a positive number.');
  return number;
}

function parseNumbers(text: string): number[] {
  return text.split(',').map(parseNumber);
}

function parseOperations(text: string): string[] {
  const names = text.split(',');
  const unknown = names.find((name) => !operations.some((operation) => operation.name === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Allowed: ${operations.map(({ name }) => name).join(', ')}.`);
  return names;
}

void main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
