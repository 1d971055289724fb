import { ProblemKind } from '../core/problem-kind';

export const exportRunning = new ProblemKind(
  409,
  'export_running',
  'Another export of your data is still in progress. Wait until it ends.',
);
