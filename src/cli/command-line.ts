import { readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../core/config';

/** Runs the command that the arguments name. @returns the exit status */
export async function runCommandLine(args: string[]): Promise<number> {
  try {
    await commandLine(args[0]).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has printed its errors, and the help.
    if (error instanceof CommanderError) return error.exitCode;
    const message = error instanceof ConfigError ? error.message : String((error as Error).stack);
    process.stderr.write(`${message}\n`);
    return 1;
  }
}

/**
 * The command line with the commands of the folder `commands`: each file exports one as `command`, and is named after it,
 * with a hyphen for a colon.
 * @param name the command to run: only its file is loaded, because loading all takes a second. All if there is none
 */
function commandLine(name = ''): Command {
  const program = new Command('npm run cli --')
    .usage('COMMAND [OPTIONS]')
    .description('Commands for operators and developers of Cairn. See docs/operations.md.')
    .showHelpAfterError()
    .exitOverride();
  const folder = join(__dirname, 'commands');
  const files = readdirSync(folder)
    .filter((file) => /\.[jt]s$/.test(file))
    .sort();
  const named = files.filter((file) => parse(file).name === name.replace(':', '-'));
  for (const file of named.length ? named : files) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { command } = require(join(folder, file)) as { command: Command };
    program.addCommand(command.copyInheritedSettings(program));
  }
  return program;
}
