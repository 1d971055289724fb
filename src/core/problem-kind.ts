import { Problem } from './problem';

const kindsByCode = new Map<string, ProblemKind>();
const kindsByConstraint = new Map<string, ProblemKind>();

/**
 * A problem that a feature declares once: services throw it, routes document it, and database errors are mapped to it if
 * an SQL function raises its code as HINT or if `constraint` is violated.
 */
export class ProblemKind {
  /**
   * @param code unique, and part of the API
   * @param detail explanation for humans: what is wrong and how to correct it
   * @param constraint a unique index: its violation is reported as this problem
   */
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    constraint?: string,
    private readonly headers: Record<string, string> = {},
  ) {
    kindsByCode.set(code, this);
    if (constraint) kindsByConstraint.set(constraint, this);
  }

  /** @param detail replaces the general explanation */
  create(detail = this.detail): Problem {
    return new Problem(this.status, this.code, detail, undefined, this.headers);
  }
}

/** All kinds that the loaded features declare. */
export function problemKinds(): ProblemKind[] {
  return [...kindsByCode.values()];
}

export function problemKindOf(code: string): ProblemKind | undefined {
  return kindsByCode.get(code);
}

export function problemKindOfConstraint(constraint: string): ProblemKind | undefined {
  return kindsByConstraint.get(constraint);
}
