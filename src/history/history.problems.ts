import { ProblemKind } from '../core/problem-kind';

export const nothingToUndo = new ProblemKind(
  409,
  'nothing_to_undo',
  'There is no change that can be undone.',
);

export const inTrash = new ProblemKind(409, 'trashed', 'The task or goal is in the trash. Restore it first.');

export const changedSince = new ProblemKind(
  409,
  'changed_since',
  'The task or goal was updated in the meantime.',
);
