import { Problem } from './problem';

const kinds = new Map<string, ProblemKind>();
const kindsByConstraint = new Map<string, ProblemKind>();

/**
 * A problem that a feature declares once. The declaration serves everywhere: services throw it, routes document it, and
 * errors of the database turn into it, where a function raises its code as HINT or `constraint` is violated.
 */
export class ProblemKind {
  /**
   * @param code unique, and part of the API
   * @param detail what was wrong and what to do, for people
   * @param constraint the unique index whose violation means this problem
   */
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    constraint?: string,
  ) {
    kinds.set(code, this);
    if (constraint) kindsByConstraint.set(constraint, this);
  }

  /** @param detail in place of the general one */
  create(detail = this.detail): Problem {
    return new Problem(this.status, this.code, detail);
  }
}

export function problemKindOf(code: string): ProblemKind | undefined {
  return kinds.get(code);
}

export function problemKindOfConstraint(constraint: string): ProblemKind | undefined {
  return kindsByConstraint.get(constraint);
}
