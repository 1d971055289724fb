import { AsyncLocalStorage } from 'node:async_hooks';
import { networkOf } from './network-address';
import type { Precondition } from './preconditions';

/** The user that the token identifies. The database checks whether the session or the token is still valid. */
export interface CurrentUser {
  userId: string;
  /** Null for a personal access token. */
  sessionId: string | null;
  /** The personal access token; null for a session. */
  tokenId: string | null;
  /** Whether the route requires a verified email address. */
  mustBeVerified: boolean;
}

/** Data about the current request, available to all code that handles it. */
export interface RequestContext {
  /** The value of X-Request-Id. */
  id: string;
  /** The id of the distributed trace, if the client has sent one in `traceparent`. */
  traceId?: string;
  /** The client's network address in its canonical form; behind a proxy that is not trusted, the proxy's. */
  address: string | null;
  /** Adds a value to a header of the response. */
  appendHeader: (name: string, value: string) => void;
  /**
   * Calls the listener when the response has been sent or the connection was closed; at once if that has happened.
   * Returns a function that removes the listener.
   */
  onClose: (listener: () => void) => () => void;
  /** Set by the guard. */
  user?: CurrentUser;
  /** What the client requires of the row that the request writes. */
  precondition?: Precondition;
  /** Everything is checked, and nothing is written. */
  isDryRun?: boolean;
}

const contexts = new AsyncLocalStorage<RequestContext>();

/**
 * Runs `work` in a new context, to which the guard adds the user. (With `enterWith` in the guard, the next request on the
 * same connection would get the user of this one.)
 */
export function runInRequest(context: RequestContext, work: () => void): void {
  contexts.run(context, work);
}

function currentRequest(): RequestContext {
  const context = contexts.getStore();
  if (!context) throw new Error('There is no current request.');
  return context;
}

export function setCurrentUser(user: CurrentUser): void {
  currentRequest().user = user;
}

/** @throws Error without a current user: a public route used owned rows, which is a programming error */
export function currentUser(): CurrentUser {
  const { user } = currentRequest();
  if (!user) throw new Error('There is no current user: public routes cannot use owned rows.');
  return user;
}

/** For code that also runs for public routes. */
export function currentUserIfAny(): CurrentUser | undefined {
  return contexts.getStore()?.user;
}

/** For code that also runs outside of requests. */
export function currentPrecondition(): Precondition | undefined {
  return contexts.getStore()?.precondition;
}

export function setPrecondition(precondition: Precondition | undefined): void {
  currentRequest().precondition = precondition;
}

/** Whether the request must not write anything. */
export function isDryRun(): boolean {
  return currentRequest().isDryRun === true;
}

/** Ignores case, like the comparison of UUIDs. */
export function isCurrentUser(id: string): boolean {
  return id.toLowerCase() === currentUser().userId;
}

export function currentAddress(): string | null {
  return currentRequest().address;
}

/** For code that also runs outside of requests. */
export function currentAddressIfAny(): string | null | undefined {
  return contexts.getStore()?.address;
}

/** What every log entry of a request contains. Empty outside of requests. */
export function logFields(): { request_id?: string; trace_id?: string } {
  const context = contexts.getStore();
  return context ? { request_id: context.id, trace_id: context.traceId } : {};
}

/** The network that limits apply to. Clients with an unknown address count as one network. */
export function currentNetwork(): string {
  const address = currentAddress();
  return address === null ? 'unknown' : networkOf(address);
}

/** Adds a header to the response, whatever its status will be. Several values become one comma-separated list. */
export function appendResponseHeader(name: string, value: string): void {
  currentRequest().appendHeader(name, value);
}

/**
 * Calls the listener when the response has been sent or the client has closed the connection.
 * @returns a function that removes the listener
 */
export function onRequestClose(listener: () => void): () => void {
  return currentRequest().onClose(listener);
}

/** Binds a function to the current request, for callers outside its context such as a response stream. */
export function bindToRequest<Arguments extends unknown[], Result>(
  work: (...args: Arguments) => Result,
): (...args: Arguments) => Result {
  return AsyncLocalStorage.bind(work);
}
