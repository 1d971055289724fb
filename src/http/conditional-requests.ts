import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { JsonText } from '../core/json-text';
import { Precondition, preconditionFailed, versionedRowOf } from '../core/preconditions';
import { invalid, Problem } from '../core/problem';
import { EntityTag, entityTagOf, isTagOf, parseEntityTags, versionOf, versionOfTag } from './entity-tags';
import { sendProblem } from './problem.filter';

const safeMethods = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

export const maxVersion = 2_147_483_647;

/**
 * Adds an entity tag to each response with a resource or a list, and handles the conditions of requests (RFC 9110, section
 * 13). Those of reads are compared with the response. Those of writes become the precondition of the request, which
 * `Database` checks in the transaction of the write.
 */
export function handleConditionalRequests(fastify: FastifyInstance): void {
  fastify.addHook('preHandler', (request, reply, done) => {
    if (safeMethods.includes(request.method)) return done();
    try {
      request.context!.precondition = preconditionOf(request);
      done();
    } catch (error) {
      sendProblem(error, request, reply);
    }
  });
  fastify.addHook('preSerialization', (request, reply, payload, done) => {
    const isSafe = safeMethods.includes(request.method);
    if (!(payload instanceof JsonText) || reply.statusCode >= 300) return done(null, payload);
    if (!isSafe && versionOf(payload.text) === undefined) return done(null, payload);
    const tag = entityTagOf(payload);
    void reply.header('etag', tag);
    if (isSafe) {
      const { 'if-match': match, 'if-none-match': noneMatch } = request.headers;
      if (match !== undefined && !find(tag, match, true)) {
        return done(preconditionFailed.create('The resource has another entity tag.'));
      }
      const known = noneMatch === undefined ? undefined : find(tag, noneMatch, false);
      if (known !== undefined) void reply.status(304).header('etag', known);
    }
    done(null, payload);
  });
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.statusCode !== 304) return done(null, payload);
    for (const name of ['content-type', 'link']) reply.removeHeader(name);
    done(null, null);
  });
}

/**
 * @returns undefined without conditions
 * @throws Problem 400 for an invalid header · Problem 412 for a version of a resource that has none · Problem 422
 */
function preconditionOf({ headers, body, params, routeOptions }: FastifyRequest): Precondition | undefined {
  const row = versionedRowOf(routeOptions.url ?? '');
  const fromBody = row && row.table !== 'users' ? takeVersion(body) : undefined;
  const match = tagsOf(headers, 'if-match');
  const noneMatch = tagsOf(headers, 'if-none-match');
  if (fromBody === undefined && match === undefined && noneMatch === undefined) return undefined;
  if (!row) {
    // Without a version, only the existence can be required, which every operation does by itself.
    if (match === undefined || match === '*') return undefined;
    throw preconditionFailed.create('This resource has no version. Send the request without If-Match.');
  }
  const { table, parameter } = row;
  const id = (params as Record<string, string>)[parameter] ?? parameter;
  const required = match === undefined || match === '*' ? null : versionsOf(match.filter(isStrong));
  const versions =
    fromBody === undefined ? required : (required ?? [fromBody]).filter((one) => one === fromBody);
  const otherVersions = noneMatch === undefined ? [] : noneMatch === '*' ? null : versionsOf(noneMatch);
  return { table, id, versions, otherVersions };
}

/** Takes `version` out of a body, for clients that cannot send headers. @throws Problem 422 */
export function takeVersion(body: unknown): number | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'version')) return undefined;
  const { version } = body as { version: unknown };
  if (!isVersion(version)) throw invalid([{ field: 'version', ...versionRule }]);
  delete (body as { version?: unknown }).version;
  return version;
}

/** Whether a client can require this version. */
export function isVersion(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maxVersion;
}

export const versionRule = {
  code: 'out_of_range',
  message: `must be an integer from 1 to ${maxVersion}`,
} as const;

/** @throws Problem 400 for an invalid header */
function tagsOf(
  headers: IncomingHttpHeaders,
  name: 'if-match' | 'if-none-match',
): EntityTag[] | '*' | undefined {
  const header = headers[name];
  if (header === undefined) return undefined;
  const tags = parseEntityTags(header);
  if (!tags) {
    const detail = `The header ${name} is invalid. It must be * or a list of entity tags in double quotes.`;
    throw new Problem(400, 'bad_request', detail);
  }
  return tags;
}

function isStrong({ isWeak }: EntityTag): boolean {
  return !isWeak;
}

function versionsOf(tags: EntityTag[]): number[] {
  return tags.map(versionOfTag).filter((version) => version !== undefined);
}

/** The tag in a header of a read that names the response with `tag`. An invalid header has none. */
function find(tag: string, header: string, isStrongComparison: boolean): string | undefined {
  const tags = parseEntityTags(header);
  if (tags === '*') return tag;
  const found = tags?.find((one) => isTagOf(tag, one) && !(isStrongComparison && one.isWeak));
  return found && `"${found.value}"`;
}
