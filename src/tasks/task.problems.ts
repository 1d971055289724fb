import { ProblemKind } from '../core/problem-kind';

export const tooDeep = new ProblemKind(
  409,
  'too_deep',
  'The tasks would be nested too deeply. A task can have at most 10 ancestors.',
);

export const parentTrashed = new ProblemKind(
  409,
  'parent_trashed',
  'The parent task is in the trash. Restore it first.',
);

export const dependencyCycle = new ProblemKind(
  409,
  'dependency_cycle',
  'A task cannot depend on itself, neither directly nor through other tasks.',
);

export const dependencyOpen = new ProblemKind(
  409,
  'dependency_open',
  'The task depends on an open task. Complete that task first, or use force=true.',
);
