import { ChildProcess, spawn } from 'node:child_process';
import { projectFolder } from '../../src/config';

/** A program of ours in a process of its own, as a user would start it. */
export interface Run {
  process: ChildProcess;
  /** Everything that it wrote so far. */
  output(): string;
  /** Resolves when it has written something that matches; rejects when it ends without. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
}

/** Runs a TypeScript file, or code, with this environment and no other. */
export function runNode(args: string[], environment: NodeJS.ProcessEnv = {}, folder = projectFolder): Run {
  return run('node', ['-r', '@swc-node/register', ...args], environment, folder);
}

export function run(
  command: string,
  args: string[],
  environment: NodeJS.ProcessEnv = {},
  folder = projectFolder,
): Run {
  const { PATH, HOME } = process.env;
  const child = spawn(command, args, { cwd: folder, env: { PATH, HOME, ...environment } });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      listeners.forEach((listen) => listen());
    });
  }
  const ended = new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal ?? -1)),
  );
  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const listen = () => {
        const match = pattern.exec(output);
        if (match) resolve(match);
      };
      listeners.add(listen);
      listen();
      void ended.then((end) => reject(new Error(`ended with ${end}, having said: ${output}`)));
    });
  return { process: child, output: () => output, says, ended };
}
