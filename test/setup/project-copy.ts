import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../src/config';

/** A copy of the project without its data, in a folder that only this user may enter. Remove it after use. */
export function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'cairn-copy-'));
  const { stdout } = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: projectFolder,
    encoding: 'utf8',
  });
  for (const path of stdout.split('\n').filter(Boolean)) cpSync(join(projectFolder, path), join(copy, path));
  symlinkSync(join(projectFolder, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
