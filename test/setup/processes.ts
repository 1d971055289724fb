import { ChildProcess, spawn } from 'node:child_process';
import { projectFolder } from '../../src/core/config';

/** A command in its own process, as a user starts it. */
export interface RunningProcess {
  process: ChildProcess;
  /** Everything written so far, to both streams. */
  output(): string;
  /** What was written to standard output. */
  standardOutput(): string;
  /** Resolves when the output matches; rejects when the process ends without a match. */
  waitForOutput(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with the exit code, or the signal that ended the process. */
  ended: Promise<number | string>;
}

/** Runs a TypeScript file, or code, with only this environment. */
export function runNode(
  args: string[],
  environment: NodeJS.ProcessEnv = {},
  folder = projectFolder,
): RunningProcess {
  return run('node', ['-r', '@swc-node/register', ...args], environment, folder);
}

export function run(
  command: string,
  args: string[],
  environment: NodeJS.ProcessEnv = {},
  folder = projectFolder,
): RunningProcess {
  const { PATH, HOME } = process.env;
  const child = spawn(command, args, { cwd: folder, env: { PATH, HOME, ...environment } });
  let output = '';
  let standardOutput = '';
  child.stdout.on('data', (chunk: Buffer) => (standardOutput += chunk.toString()));
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      listeners.forEach((check) => check());
    });
  }
  const ended = new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal ?? -1)),
  );
  const waitForOutput = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const check = () => {
        const match = pattern.exec(output);
        if (match) resolve(match);
      };
      listeners.add(check);
      check();
      void ended.then((end) => reject(new Error(`The process ended with ${end}. Its output: ${output}`)));
    });
  return { process: child, output: () => output, standardOutput: () => standardOutput, waitForOutput, ended };
}
