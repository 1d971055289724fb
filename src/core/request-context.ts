import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readAddress } from './network-address';

/** Who makes the request, as the token says. Whether the session or the token still lives, the database says. */
export interface CurrentUser {
  user_id: string;
  /** Null for a personal token. */
  session_id: string | null;
  /** The personal token; null for a session. */
  token_id: string | null;
  /** Whether the route wants a verified email address. */
  isVerifiedOnly: boolean;
}

/** What is known of a request, wherever it is at work. */
interface Box {
  /** The network address that it comes from, as `readAddress` has it; behind a proxy that is not trusted, the proxy's. */
  address: string | null;
  user?: CurrentUser;
  reply: FastifyReply;
}

const boxes = new AsyncLocalStorage<Box>();

/**
 * Gives each request a box of its own, for the guard to fill. (A guard that called `enterWith` instead would leave
 * its user to the next request of the same connection.)
 */
export function openBoxPerRequest(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', ({ ip }, reply, done) => {
    boxes.run({ address: readAddress(ip), reply }, done);
  });
}

function box(): Box {
  const current = boxes.getStore();
  if (!current) throw new Error('There is no request.');
  return current;
}

export function setCurrentUser(user: CurrentUser): void {
  box().user = user;
}

/** @throws Error where there is no user: a public route reached for owned rows, which is a mistake in the code */
export function currentUser(): CurrentUser {
  const { user } = box();
  if (!user) throw new Error('Owned rows were asked for without a current user.');
  return user;
}

/** Whether an address names the current user, in whatever case. */
export function isCurrentUser(id: string): boolean {
  return id.toLowerCase() === currentUser().user_id;
}

export function currentAddress(): string | null {
  return box().address;
}

/** A header of the answer, whatever that will be. Several values stand in one list. */
export function appendToAnswer(header: string, value: string): void {
  const { reply } = box();
  const before = reply.getHeader(header);
  void reply.header(header, before === undefined ? value : `${String(before)}, ${value}`);
}

/** The function, at work in this request whoever calls it: a stream is read on behalf of its socket. */
export function inThisRequest<Arguments extends unknown[], Result>(
  work: (...args: Arguments) => Result,
): (...args: Arguments) => Result {
  return AsyncLocalStorage.bind(work);
}
