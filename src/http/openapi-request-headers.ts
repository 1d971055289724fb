import { preconditionFailed, versionedRowOf } from '../core/preconditions';
import { ownTransactions } from './own-transactions';
import { maxVersion } from './conditional-requests';
import { dryRunParameter } from './dry-run';
import { idempotencyKeyInUse, idempotencyKeyNotSupported, idempotencyKeyReused } from './idempotency-keys';
import type { Operation } from './openapi-problems';
import { addProblems } from './problem-responses';
import { entityTagHeader, locationHeader, replayedHeader } from './response-headers';

/** Fastify refuses longer headers. */
const maxHeaderLength = 16_384;

/** The extension that marks operations whose response is a stream, which has no entity tag. */
export const streamed = 'x-streamed';

interface Schema {
  properties?: Record<string, object>;
}

/**
 * Documents entity tags and conditions: `If-None-Match` of reads, and `If-Match` and `version` of writes of a row.
 * @param schemas the component schemas
 */
export function documentConditions(
  path: string,
  method: string,
  operation: Operation,
  isPublic: boolean,
  schemas: Record<string, Schema>,
): void {
  const isRead = method === 'get';
  for (const [status, response] of Object.entries(operation.responses)) {
    if (!response || !('content' in response) || !status.startsWith('2')) continue;
    const schema = response.content?.['application/json']?.schema;
    if (!schema || isPublic || operation[streamed]) continue;
    const name = '$ref' in schema ? schema.$ref.replace(/^.*\//, '') : '';
    const isVersioned = 'version' in (schemas[name]?.properties ?? {}) || name === 'UserView';
    if (!isRead && !isVersioned) continue;
    response.headers = { ...response.headers, ...entityTagHeader };
    if (!isRead) continue;
    addHeader(
      operation,
      'If-None-Match',
      'Entity tags of responses that the client has: 304 if one is current.',
    );
    operation.responses[304] = {
      description: 'The client has the current response.',
      headers: entityTagHeader,
    };
  }
  const row = isRead ? undefined : versionedRowOf(path);
  if (!row) return;
  addProblems(operation, preconditionFailed);
  addHeader(
    operation,
    'If-Match',
    'Entity tags of the resource that the path names. Without a current one, nothing is changed and the response is 412.',
  );
  const name = /schemas\/(\w+)"/.exec(JSON.stringify(operation.requestBody ?? {}))?.[1] ?? '';
  const { properties } = schemas[name] ?? {};
  if (properties && ['patch', 'put'].includes(method) && row.table !== 'users') {
    properties.version = {
      type: 'integer',
      minimum: 1,
      maximum: maxVersion,
      description: 'The version that the resource must have, for clients that cannot send `If-Match`.',
    };
  }
}

/** Documents whether a POST accepts an `Idempotency-Key`. */
export function documentIdempotencyKey(operation: Operation): void {
  if (operation[ownTransactions]) {
    addProblems(operation, idempotencyKeyNotSupported);
    return;
  }
  addProblems(operation, idempotencyKeyInUse, idempotencyKeyReused);
  addHeader(
    operation,
    'Idempotency-Key',
    'Unique text, such as a UUID, of 1 to 255 visible ASCII characters. A repetition of the request within 24 hours gets the response to the first one, and has no other effect.',
  );
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response && 'description' in response && status.startsWith('2'))
      response.headers = { ...response.headers, ...replayedHeader };
  }
}

/** Documents the header of a response to the creation of a resource that has a URL. */
export function documentLocation(operation: Operation): void {
  const created = operation.responses[201];
  if (created && 'description' in created) created.headers = { ...created.headers, ...locationHeader };
}

/** Documents the parameter of a write that is only checked. */
export function documentDryRun(operation: Operation): void {
  if (operation[ownTransactions]) return;
  const parameter = {
    name: dryRunParameter,
    in: 'query' as const,
    description: 'Check everything and respond as usual, but change nothing.',
    schema: { type: 'boolean' },
  };
  operation.parameters = [...(operation.parameters ?? []), parameter];
}

function addHeader(operation: Operation, name: string, description: string): void {
  const schema = { type: 'string', maxLength: maxHeaderLength };
  operation.parameters = [...(operation.parameters ?? []), { name, in: 'header', description, schema }];
}
