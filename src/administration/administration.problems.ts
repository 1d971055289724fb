import { ProblemKind } from '../core/problem-kind';

export const notSuperuser = new ProblemKind(
  403,
  'forbidden',
  'Only superusers can manage the accounts of other users.',
);
