import type { FastifyRequest } from 'fastify';
import { Problem, unavailable } from '../core/problem';
import { onRequestClose } from '../core/request-context';
import { defaultBodyLimits } from './json-body';

const MiB = 1024 * 1024;

/**
 * Maximum number of bytes in progress: of an owner, of all large bodies, and of all ordinary ones. A parsed body takes several
 * times as much memory.
 */
const maxBytes = { ofOwner: 4 * MiB, large: 16 * MiB, ordinary: 16 * MiB };

/**
 * Bounds the bodies in memory, from before they are read until their responses have been sent. Ordinary bodies have their own
 * bound, so that large ones do not displace them.
 */
export class RequestBodies {
  private readonly bytesOf = new Map<string, number>();
  private readonly total = { large: 0, ordinary: 0 };

  /** @param maxOrdinary bytes: longer bodies are large */
  constructor(
    private readonly max = maxBytes,
    private readonly maxOrdinary = defaultBodyLimits.bytes,
  ) {}

  /**
   * Counts the body of the current request until the response has been sent or the client has closed the connection.
   * @param owner the user who has sent it, or the network if there is no user
   * @throws Problem 429 if the owner has too many bodies in memory · Problem 503 if there are too many of this size in total
   */
  hold(owner: string, { headers, routeOptions }: FastifyRequest): void {
    // Fastify reads at most the limit of the route, and refuses a longer body before it reads it.
    const limit = routeOptions.bodyLimit ?? 0;
    const length = Number(headers['content-length'] ?? (headers['transfer-encoding'] ? limit : 0));
    if (length === 0 || length > limit) return;
    const bytes = (this.bytesOf.get(owner) ?? 0) + length;
    if (bytes > this.max.ofOwner) throw tooManyBodies();
    const size = length > this.maxOrdinary ? 'large' : 'ordinary';
    if (this.total[size] + length > this.max[size]) throw unavailable(tooManyInTotal[size]);
    this.total[size] += length;
    this.bytesOf.set(owner, bytes);
    onRequestClose(() => {
      this.total[size] -= length;
      const rest = this.bytesOf.get(owner)! - length;
      if (rest > 0) this.bytesOf.set(owner, rest);
      else this.bytesOf.delete(owner);
    });
  }
}

const tooManyInTotal = {
  large: 'Too many large requests are being processed. Try again.',
  ordinary: 'Too many requests are being processed. Try again.',
};

function tooManyBodies(): Problem {
  return new Problem(
    429,
    'too_many_requests',
    'Too many of your large requests are in progress. Wait for their responses and try again.',
    undefined,
    { 'retry-after': '1' },
  );
}
