import { ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../core/config';
import { Database } from '../database/database';
import { access } from '../http/access';
import { CurrentUser, isCurrentUser, setCurrentUser } from '../core/request-context';
import { forbidden, Problem, unauthorized } from '../core/problem';
import { Limits } from '../limits/limits';
import { bearerToken } from './bearer-token';
import type { Scope } from './personal-token.entity';
import { PersonalTokens } from './personal-tokens';
import type { SessionKey } from './tokens';

type Request = FastifyRequest<{ Params: { user_id?: string }; Querystring: { token?: unknown } }> & {
  user: SessionKey;
};

/**
 * Closes every route that is not `@Public()`, and gives the current user to the repositories. Whether the session is
 * still alive is not asked here but in the transaction that does the work.
 */
@Injectable()
export class CurrentUserGuard extends AuthGuard('jwt') {
  constructor(
    private readonly reflector: Reflector,
    private readonly personalTokens: PersonalTokens,
    private readonly limits: Limits,
    private readonly database: Database,
    private readonly config: Config,
  ) {
    super();
  }

  /**
   * @throws Problem 401 without a valid token · Problem 403 for an address that names another user, and where the token
   * is not enough · Problem 429 beyond the user's limit
   */
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.says(context, access.public)) return true;
    const request = context.switchToHttp().getRequest<Request>();
    if (countHeaders(request, 'authorization') > 1)
      throw unauthorized('The request has more than one Authorization header. Send exactly one.');
    const isVerifiedOnly = this.config.requireEmailVerification && this.says(context, access.verifiedOnly);
    const user = { ...(await this.identify(request, context)), isVerifiedOnly };
    setCurrentUser(user);
    const takeBack = await this.limits.countRequest(user.user_id);
    const { raw } = context.switchToHttp().getResponse<FastifyReply>();
    // Else whoever has a token that was revoked could use up what its user may ask.
    if (takeBack) raw.once('close', () => raw.statusCode === 401 && takeBack());

    const named = request.params.user_id;
    const isOthers = named === undefined || !isCurrentUser(named);
    if (this.says(context, access.administrators)) {
      if (isOthers) await this.refuseUnlessAdministrator(user);
    } else if (named !== undefined && isOthers) {
      throw forbidden('forbidden', 'This URL belongs to another user. Use your own user id.');
    }
    return true;
  }

  override handleRequest<User>(error: unknown, user: User | false): User {
    if (error instanceof Error) throw error;
    if (!user)
      throw unauthorized(
        'The access token is missing, invalid or expired. Send a valid one as Authorization: Bearer <access_token>.',
      );
    return user;
  }

  private async identify(
    request: Request,
    context: ExecutionContext,
  ): Promise<Omit<CurrentUser, 'isVerifiedOnly'>> {
    const inUrl = this.says(context, access.tokenInUrl) ? request.query.token : undefined;
    const token = this.personalTokens.recognize(typeof inUrl === 'string' ? inUrl : bearerToken(request));
    if (token === undefined) {
      await super.canActivate(context);
      return { ...request.user, token_id: null };
    }
    const { user_id, token_id, scopes } = await this.personalTokens.authenticate(token);
    if (this.says(context, access.sessionOnly)) throw sessionWanted();
    const wanted: Scope = ['GET', 'HEAD'].includes(request.method) ? 'read' : 'write';
    if (!scopes.includes(wanted)) throw insufficientScope(wanted);
    if (inUrl !== undefined && scopes.includes('write')) throw readOnlyWanted();
    return { user_id, token_id, session_id: null };
  }

  private async refuseUnlessAdministrator({ session_id }: CurrentUser): Promise<void> {
    if (session_id === null) throw sessionWanted();
    await this.database.asAdministrator();
  }

  private says(context: ExecutionContext, key: string): boolean {
    return (
      this.reflector.getAllAndOverride<boolean>(key, [context.getHandler(), context.getClass()]) ?? false
    );
  }
}

function sessionWanted(): Problem {
  return forbidden(
    'session_required',
    'This operation requires a session. Sign in and send the access token of the session instead of a personal access token.',
  );
}

/** Addresses are passed on, and kept in logs and histories. */
function readOnlyWanted(): Problem {
  return forbidden(
    'read_only_wanted',
    'Only a personal access token with no scope other than "read" can be sent in the URL.',
  );
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-3.1 */
function insufficientScope(scope: Scope): Problem {
  return forbidden('insufficient_scope', `The personal access token lacks the scope "${scope}".`, {
    'www-authenticate': `Bearer realm="cairn", error="insufficient_scope", scope="${scope}"`,
  });
}

/** Node itself keeps the first one and drops the rest. */
function countHeaders({ raw }: FastifyRequest, name: string): number {
  return raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}
