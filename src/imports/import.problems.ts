import { ProblemKind } from '../core/problem-kind';

export const importRunning = new ProblemKind(
  409,
  'import_running',
  'Another import of your data is still in progress. Wait until it ends.',
  'imports_unfinished_key',
);
