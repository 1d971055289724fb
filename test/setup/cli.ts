import { projectFolder } from '../../src/core/config';
import { runNode } from './processes';

/**
 * Runs a command of the command line from the sources.
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

/** The line that names the database of a command. */
export const databaseLine = /^Database \S+ at \S+:\d+ as \S+\n/m;
