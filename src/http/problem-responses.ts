import { ApiExtension } from '@nestjs/swagger';
import { ProblemKind, problemKindOf } from '../core/problem-kind';

/** Each problem is a separate extension, because Swagger keeps only the first value of a key. */
const prefix = 'x-problem-';

/**
 * Documents problems that a route can respond with, in addition to those that follow from its access rules and its body.
 * @param problems kinds of problems, or plain status codes
 */
export function Problems(...problems: (ProblemKind | number)[]): MethodDecorator {
  return (target, key, descriptor) => {
    for (const problem of problems) {
      const [name, value] = extensionOf(problem);
      (ApiExtension(name, value) as MethodDecorator)(target, key, descriptor);
    }
  };
}

/** Adds problems to an operation, as `@Problems` does. */
export function addProblems(operation: Record<`x-${string}`, unknown>, ...problems: ProblemKind[]): void {
  for (const problem of problems) {
    const [name, value] = extensionOf(problem);
    operation[name] = value;
  }
}

function extensionOf(problem: ProblemKind | number): [`x-${string}`, string | number] {
  const value = typeof problem === 'number' ? problem : problem.code;
  return [`${prefix}${value}`, value];
}

/** The problems that an operation declares. */
export function problemsOf(operation: Record<`x-${string}`, unknown>): (ProblemKind | number)[] {
  return Object.entries(operation)
    .filter(([name]) => name.startsWith(prefix))
    .map(([, value]) => (typeof value === 'number' ? value : problemKindOf(String(value))!));
}
