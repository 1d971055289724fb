import type { FastifyRequest } from 'fastify';
import { Problem, unavailable } from '../core/problem';
import { onRequestClose } from '../core/request-context';

/** The maximum number of bytes. A parsed body takes several times as much memory. */
const [maxBytesOfOwner, maxBytesInTotal] = [4 * 1024 * 1024, 16 * 1024 * 1024];

/** Bounds the bodies in memory, from before they are read until their responses have been sent. */
export class RequestBodies {
  private readonly bytesOf = new Map<string, number>();
  private bytesInTotal = 0;

  constructor(private readonly max = { ofOwner: maxBytesOfOwner, inTotal: maxBytesInTotal }) {}

  /**
   * Counts the body of the current request until the response has been sent or the client has closed the connection.
   * @param owner the user who has sent it, or the network if there is no user
   * @throws Problem 429 if the owner has too many bodies in memory · Problem 503 if there are too many in total
   */
  hold(owner: string, { headers, routeOptions }: FastifyRequest): void {
    // Fastify reads at most the limit of the route, and refuses a longer body before it reads it.
    const limit = routeOptions.bodyLimit ?? 0;
    const length = Number(headers['content-length'] ?? (headers['transfer-encoding'] ? limit : 0));
    if (length === 0 || length > limit) return;
    const bytes = (this.bytesOf.get(owner) ?? 0) + length;
    if (bytes > this.max.ofOwner) throw tooManyBodies();
    if (this.bytesInTotal + length > this.max.inTotal)
      throw unavailable('Too many large requests are being processed. Try again.');
    this.bytesInTotal += length;
    this.bytesOf.set(owner, bytes);
    onRequestClose(() => {
      this.bytesInTotal -= length;
      const rest = this.bytesOf.get(owner)! - length;
      if (rest > 0) this.bytesOf.set(owner, rest);
      else this.bytesOf.delete(owner);
    });
  }
}

function tooManyBodies(): Problem {
  return new Problem(
    429,
    'too_many_requests',
    'Too many of your large requests are in progress. Wait for their responses and try again.',
    undefined,
    { 'retry-after': '1' },
  );
}
