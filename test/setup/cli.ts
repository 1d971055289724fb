import { runCommandLine } from '../../src/cli/command-line';
import { projectFolder } from '../../src/core/config';
import { runNode } from './processes';

/**
 * Runs a command of the command line from the sources, in a process of its own.
 * @returns the exit status, and the output without the line that names the database
 */
export async function runCli(
  args: string[],
  environment: NodeJS.ProcessEnv,
  folder = projectFolder,
): Promise<[number | string, string]> {
  const command = runNode(['src/cli.ts', ...args], environment, folder);
  return [await command.ended, command.output().replace(databaseLine, '')];
}

/** Like `runCli`, in this process: a new one takes seconds to load its modules. One at a time. */
export async function runCommand(args: string[], environment: NodeJS.ProcessEnv): Promise<[number, string]> {
  const { env, stdout, stderr } = process;
  const { PATH, HOME } = env;
  let output = '';
  const mocks = [stdout, stderr].map((stream) =>
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      output += text.toString();
      return true;
    }),
  );
  process.env = { PATH, HOME, ...environment };
  try {
    const status = await runCommandLine(args);
    return [status, output.replace(databaseLine, '')];
  } finally {
    process.env = env;
    for (const mock of mocks) mock.mockRestore();
  }
}

/** The line that names the database of a command. */
export const databaseLine = /^Database \S+ at \S+:\d+ as \S+\n/m;
