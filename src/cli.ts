import 'reflect-metadata';
import { commandLine } from './cli/command-line';
import { ConfigError } from './core/config';

commandLine(process.argv[2])
  .parseAsync()
  .then(() => process.exit(0))
  .catch((error: unknown) => {
    process.stderr.write(
      `${error instanceof ConfigError ? error.message : String((error as Error).stack)}\n`,
    );
    process.exit(1);
  });
