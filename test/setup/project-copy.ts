import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../src/core/config';

/**
 * Copies the project without its data to a folder that only this user can read. The caller deletes it. It includes `dist`,
 * if there is one: `build.mjs` then has nothing to compile until a source is changed.
 */
export function copyProject(): string {
  const copy = mkdtempSync(join(tmpdir(), 'cairn-copy-'));
  const { stdout } = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: projectFolder,
    encoding: 'utf8',
  });
  for (const path of stdout.split('\n').filter(Boolean)) cpSync(join(projectFolder, path), join(copy, path));
  const compiled = join(projectFolder, 'dist');
  if (existsSync(compiled)) cpSync(compiled, join(copy, 'dist'), { recursive: true });
  symlinkSync(join(projectFolder, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
