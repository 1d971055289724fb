import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';

/** The command line with every command of the folder `commands`: each file exports one as `command`. */
export function commandLine(): Command {
  const program = new Command('npm run cli --')
    .usage('COMMAND [OPTIONS]')
    .description('Commands for operators and developers of Cairn. See docs/operations.md.')
    .showHelpAfterError();
  const folder = join(__dirname, 'commands');
  for (const file of readdirSync(folder).sort()) {
    if (!/\.[jt]s$/.test(file)) continue;
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { command } = require(join(folder, file)) as { command: Command };
    program.addCommand(command.copyInheritedSettings(program));
  }
  return program;
}
