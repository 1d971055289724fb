import type { FastifyInstance } from 'fastify';
import { invalid } from '../core/problem';
import { isStreamed } from './json-body';
import { sendProblem } from './problem.filter';

/** The query parameter of writes that are only checked. */
export const dryRunParameter = 'validate_only';

const safeMethods = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

/** Takes `validate_only` out of the query of a write, so that no operation has to declare it. */
export function readDryRun(fastify: FastifyInstance): void {
  fastify.addHook('preHandler', (request, reply, done) => {
    const query = request.query as Record<string, unknown>;
    if (safeMethods.includes(request.method) || isStreamed(request) || !Object.hasOwn(query, dryRunParameter))
      return done();
    const value = query[dryRunParameter];
    if (value !== 'true' && value !== 'false') {
      const message = 'must be true or false';
      sendProblem(invalid([{ field: dryRunParameter, code: 'type', message }]), request, reply);
      return;
    }
    delete query[dryRunParameter];
    request.context!.isDryRun = value === 'true';
    done();
  });
}
