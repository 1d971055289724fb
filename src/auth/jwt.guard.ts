import { ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { CurrentUser, setCurrentUser } from '../http/current-user';
import { Problem, unauthorized } from '../http/problem';
import { publicKey } from '../http/public';

/**
 * Closes every route that is not `@Public()`, and gives the current user to the repositories. Whether the session is
 * still alive is not asked here but in the transaction that does the work.
 */
@Injectable()
export class JwtGuard extends AuthGuard('jwt') {
  constructor(private readonly reflector: Reflector) {
    super();
  }

  /** @throws Problem 401 without a valid token · Problem 403 for an address that names another user */
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(publicKey, [context.getHandler(), context.getClass()]))
      return true;
    const request = context.switchToHttp().getRequest<FastifyRequest<{ Params: { user_id?: string } }>>();
    if (countHeaders(request, 'authorization') > 1)
      throw unauthorized('There is more than one Authorization header.');
    await super.canActivate(context);
    const user = (request as unknown as { user: CurrentUser }).user;
    const named = request.params.user_id;
    if (named !== undefined && named.toLowerCase() !== user.user_id) {
      throw new Problem(403, 'forbidden', 'This address names another user. Use your own id.');
    }
    setCurrentUser(user);
    return true;
  }

  override handleRequest<User>(error: unknown, user: User | false): User {
    if (error instanceof Error) throw error;
    if (!user) throw unauthorized('A valid access token is wanted: Authorization: Bearer <access_token>.');
    return user;
  }
}

/** Node itself keeps the first one and drops the rest. */
function countHeaders({ raw }: FastifyRequest, name: string): number {
  return raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}
