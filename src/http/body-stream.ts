import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../core/problem';

/** Milliseconds within which a streamed body must have been received. */
const maxTime = 900_000;

/** The connections on which a streamed body is being received. */
const sockets = new WeakSet<Socket>();

/** Whether the request may take longer than others. */
export function isReceivingStream(socket: Socket): boolean {
  return sockets.has(socket);
}

/**
 * The body of a route with `StreamedBody`, in parts of a certain size.
 * @throws Problem 413 if it is larger than `maxBytes`
 */
export async function* readBody(
  { raw, headers }: FastifyRequest,
  maxBytes: number,
  partSize: number,
): AsyncGenerator<Buffer> {
  const tooLarge = () =>
    new Problem(413, 'too_large', `The request body is larger than ${maxBytes / 1_048_576} MiB.`);
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const timer = setTimeout(() => raw.destroy(new Error('The body was sent too slowly.')), maxTime);
  sockets.add(raw.socket);
  let chunks: Buffer[] = [];
  let [length, total] = [0, 0];
  try {
    // Destroying the request would close the connection before the response is sent.
    for await (const chunk of raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      total += chunk.length;
      if (total > maxBytes) throw tooLarge();
      if (length < partSize) continue;
      yield Buffer.concat(chunks);
      [chunks, length] = [[], 0];
    }
    if (length > 0) yield Buffer.concat(chunks);
  } finally {
    clearTimeout(timer);
    sockets.delete(raw.socket);
  }
}
