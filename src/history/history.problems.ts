import { ProblemKind } from '../core/problem-kind';

export const nothingToUndo = new ProblemKind(
  409,
  'nothing_to_undo',
  'The task has no change that can be undone.',
);

export const taskTrashed = new ProblemKind(409, 'trashed', 'The task is in the trash. Restore it first.');

export const changedSince = new ProblemKind(409, 'changed_since', 'The task was updated in the meantime.');
