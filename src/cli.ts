import 'reflect-metadata';
import { runCommandLine } from './cli/command-line';

void runCommandLine(process.argv.slice(2)).then((status) => process.exit(status));
