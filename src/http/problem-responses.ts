import 'reflect-metadata';
import { ApiExtension } from '@nestjs/swagger';
import type { ProblemKind } from '../core/problem-kind';

/** Where the OpenAPI document finds the problems of an operation. */
export const problemsExtension = 'x-problems';

/** What the document says about a problem of a route: its status, and its code where that is one of several. */
export interface DocumentedProblem {
  status: number;
  code?: string;
}

const declared = 'route:problems';

/**
 * Documents problems that a route can respond with, in addition to those that follow from its access rules and its body.
 * @param problems kinds of problems, or plain status codes
 */
export function Problems(...problems: (ProblemKind | number)[]): MethodDecorator {
  return (target, key, descriptor) => {
    const handler = descriptor.value as object;
    const before = (Reflect.getMetadata(declared, handler) ?? []) as DocumentedProblem[];
    const added = problems.map((problem) =>
      typeof problem === 'number' ? { status: problem } : { status: problem.status, code: problem.code },
    );
    const all = [...before, ...added];
    Reflect.defineMetadata(declared, all, handler);
    (ApiExtension(problemsExtension, all) as MethodDecorator)(target, key, descriptor);
  };
}
