import { createInterface } from 'node:readline/promises';
import { ConfigError } from '../core/config';

/**
 * Asks the operator on the terminal.
 * @param effect what happens, as a sentence
 * @param command what to run where there is no terminal
 * @throws ConfigError unless the answer is yes
 */
export async function confirm(effect: string, command: string): Promise<void> {
  if (!process.stdin.isTTY) throw new ConfigError(`${effect} To confirm, run: ${command}`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${effect} Continue? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new ConfigError('Nothing was changed.');
}
