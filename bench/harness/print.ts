/** Prints a line: cells are separated by bars. */
export function print(...cells: (string | number)[]): void {
  process.stdout.write(`${cells.join(' | ')}\n`);
}

/**
 * Hands the figures of a benchmark to `npm run bench`, if that has started it, and ends the process.
 * @param isWithinBounds otherwise the exit code is 1
 */
export function finish(figures: object = {}, isWithinBounds = true): void {
  const exit = () => process.exit(isWithinBounds ? 0 : 1);
  if (process.send) process.send(figures, exit);
  else exit();
}
