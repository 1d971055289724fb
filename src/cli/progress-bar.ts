/** Shows the progress of a command on a terminal, and nothing elsewhere. */
export class ProgressBar {
  private shown = '';

  update(step: string, done: number, total: number): void {
    if (!process.stderr.isTTY) return;
    const part = total ? done / total : 1;
    const filled = Math.floor(30 * part);
    const text = `${step} [${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${Math.floor(100 * part)} %`;
    if (text === this.shown) return;
    this.shown = text;
    process.stderr.write(`\r\x1b[K${text}`);
  }

  clear(): void {
    if (this.shown) process.stderr.write('\r\x1b[K');
  }
}
