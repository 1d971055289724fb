import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance } from 'fastify';

/** Who makes the request, as the access token says. Whether the session still lives, the database says. */
export interface CurrentUser {
  user_id: string;
  session_id: string;
}

const box = new AsyncLocalStorage<{ user?: CurrentUser }>();

/**
 * Gives each request a box of its own, for the guard to fill. (A guard that called `enterWith` instead would leave
 * its user to the next request of the same connection.)
 */
export function openBoxPerRequest(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (_request, _reply, done) => box.run({}, done));
}

export function setCurrentUser(user: CurrentUser): void {
  const request = box.getStore();
  if (!request) throw new Error('There is no request to set a user for.');
  request.user = user;
}

/** @throws Error where there is no user: a public route reached for owned rows, which is a mistake in the code */
export function currentUser(): CurrentUser {
  const user = box.getStore()?.user;
  if (!user) throw new Error('Owned rows were asked for without a current user.');
  return user;
}
