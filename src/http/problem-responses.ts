import { ApiExtension } from '@nestjs/swagger';
import type { ProblemKind } from '../core/problem-kind';

/** A problem of a route in the OpenAPI document: its status, and its code if that is specific. */
interface DocumentedProblem {
  status: number;
  code?: string;
}

/** Each problem is a separate extension, because Swagger keeps only the first value of a key. */
const prefix = 'x-problem-';

/**
 * Documents problems that a route can respond with, in addition to those that follow from its access rules and its body.
 * @param problems kinds of problems, or plain status codes
 */
export function Problems(...problems: (ProblemKind | number)[]): MethodDecorator {
  return (target, key, descriptor) => {
    for (const problem of problems) {
      const [name, documented] = extensionOf(problem);
      (ApiExtension(name, documented) as MethodDecorator)(target, key, descriptor);
    }
  };
}

/** Adds problems to an operation, as `@Problems` does. */
export function addProblems(operation: Record<`x-${string}`, unknown>, ...problems: ProblemKind[]): void {
  for (const problem of problems) {
    const [name, documented] = extensionOf(problem);
    operation[name] = documented;
  }
}

function extensionOf(problem: ProblemKind | number): [`x-${string}`, DocumentedProblem] {
  const documented: DocumentedProblem =
    typeof problem === 'number' ? { status: problem } : { status: problem.status, code: problem.code };
  return [`${prefix}${documented.status}-${documented.code ?? ''}`, documented];
}

/** The problems that an operation declares. */
export function problemsOf(operation: Record<`x-${string}`, unknown>): DocumentedProblem[] {
  return Object.entries(operation)
    .filter(([name]) => name.startsWith(prefix))
    .map(([, problem]) => problem as DocumentedProblem);
}
