import { ExecutionContext, Injectable, Type } from '@nestjs/common';
import { DiscoveryService, HttpAdapterHost, MetadataScanner, Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { AuthGuard } from '@nestjs/passport';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../core/config';
import { forbidden, Problem, unauthorized } from '../core/problem';
import { currentNetwork, CurrentUser, isCurrentUser, setCurrentUser } from '../core/request-context';
import { Database } from '../database/database';
import { access } from '../http/access';
import { insufficientScope, readOnlyTokenRequired, sessionRequired } from '../http/access-problems';
import { isStreamed } from '../http/json-body';
import { RequestBodies } from '../http/request-bodies';
import { RateLimiter } from '../limits/rate-limiter';
import { bearerToken } from './bearer-token';
import type { Scope } from './personal-token.entity';
import { PersonalTokensService } from './personal-tokens.service';
import type { SessionKey } from './session-tokens';

type Request = FastifyRequest<{ Params: { user_id?: string }; Querystring: { token?: unknown } }> & {
  /** Set when the access token was verified. */
  user?: SessionKey;
};

/**
 * Requires authentication on every route that is not `@Public()`, and sets the current user for the repositories. Whether
 * the session is still alive is checked later, in the transaction that does the work.
 *
 * Guards run after the body was read and parsed. The token is therefore verified in a hook before, so that a large body
 * without a valid token costs nothing.
 */
@Injectable()
export class CurrentUserGuard extends AuthGuard('jwt') {
  constructor(
    private readonly reflector: Reflector,
    private readonly personalTokens: PersonalTokensService,
    private readonly rateLimiter: RateLimiter,
    private readonly database: Database,
    private readonly config: Config,
    discovery: DiscoveryService,
    methods: MetadataScanner,
    { httpAdapter }: HttpAdapterHost,
  ) {
    super();
    // In the constructor, because Nest registers the routes before it calls onModuleInit.
    this.markProtectedRoutes(discovery, methods);
    const bodies = new RequestBodies();
    httpAdapter.getInstance<FastifyInstance>().addHook('preParsing', async (request, reply) => {
      const { isProtected } = request.routeOptions.config as ProtectedRoute;
      const canHaveBody = !['GET', 'HEAD'].includes(request.method);
      if (!canHaveBody) return;
      const owner = isProtected ? await this.verifyToken(request as Request, reply) : currentNetwork();
      // A streamed body is not in memory.
      if (!isStreamed(request)) bodies.hold(owner, request);
    });
  }

  /**
   * @throws Problem 401 without a valid token · Problem 403 for a URL of another user, or if the token or the user lacks a
   * permission · Problem 429 when the user's rate limit is exceeded
   */
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.hasRule(context, access.public)) return true;
    const request = context.switchToHttp().getRequest<Request>();
    if (countHeaders(request, 'authorization') > 1)
      throw unauthorized('The request has more than one Authorization header. Send exactly one.');
    const mustBeVerified =
      this.config.requireEmailVerification && !this.hasRule(context, access.allowUnverified);
    const user = { ...(await this.authenticate(request, context)), mustBeVerified };
    setCurrentUser(user);
    const undoCount = await this.rateLimiter.countRequest(user.userId);
    const { raw } = context.switchToHttp().getResponse<FastifyReply>();
    // Otherwise, a revoked token could be used to exhaust the user's rate limit.
    if (undoCount) raw.once('close', () => raw.statusCode === 401 && undoCount());

    const userInPath = request.params.user_id;
    const isOwn = userInPath !== undefined && isCurrentUser(userInPath);
    if (this.hasRule(context, access.superuserOnly)) {
      if (!isOwn) await this.requireSuperuser(user);
    } else if (userInPath !== undefined && !isOwn) {
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

  private markProtectedRoutes(discovery: DiscoveryService, methods: MetadataScanner): void {
    for (const { metatype } of discovery.getControllers()) {
      const controller = metatype as Type<Record<string, object>>;
      const prototype = controller.prototype as Record<string, object>;
      for (const name of methods.getAllMethodNames(prototype)) {
        const handler = prototype[name]!;
        if (!this.hasMetadata(access.public, [handler, controller])) markAsProtected(handler);
      }
    }
  }

  /**
   * Checks only the token; `canActivate` applies all rules.
   * @returns the id of the user · @throws Problem 401
   */
  private async verifyToken(request: Request, reply: FastifyReply): Promise<string> {
    const token = this.personalTokens.recognize(bearerToken(request));
    if (token !== undefined) return (await this.personalTokens.authenticate(token)).user_id;
    await super.canActivate(new ExecutionContextHost([request, reply]));
    return request.user!.user_id;
  }

  private async authenticate(
    request: Request,
    context: ExecutionContext,
  ): Promise<Omit<CurrentUser, 'mustBeVerified'>> {
    const tokenInUrl = this.hasRule(context, access.tokenInUrl) ? request.query.token : undefined;
    const token = this.personalTokens.recognize(
      typeof tokenInUrl === 'string' ? tokenInUrl : bearerToken(request),
    );
    if (token === undefined) {
      if (!request.user) await super.canActivate(context);
      const { user_id, session_id } = request.user!;
      return { userId: user_id, sessionId: session_id, tokenId: null };
    }
    const { user_id, token_id, scopes } = await this.personalTokens.authenticate(token);
    if (this.hasRule(context, access.sessionOnly)) throw sessionRequired.create();
    const needed: Scope = ['GET', 'HEAD'].includes(request.method) ? 'read' : 'write';
    if (!scopes.includes(needed)) throw lacksScope(needed);
    if (tokenInUrl !== undefined && scopes.includes('write')) throw readOnlyTokenRequired.create();
    return { userId: user_id, tokenId: token_id, sessionId: null };
  }

  private async requireSuperuser({ sessionId }: CurrentUser): Promise<void> {
    if (sessionId === null) throw sessionRequired.create();
    await this.database.asAdministrator({});
  }

  private hasRule(context: ExecutionContext, key: string): boolean {
    return this.hasMetadata(key, [context.getHandler(), context.getClass()]);
  }

  private hasMetadata(key: string, targets: [handler: object, controller: Type]): boolean {
    return this.reflector.getAllAndOverride<boolean>(key, targets as Type[]) ?? false;
  }
}

/** The configuration of a Fastify route that requires authentication. */
interface ProtectedRoute {
  isProtected?: true;
}

function markAsProtected(handler: object): void {
  const config = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler) as object | undefined;
  const route: ProtectedRoute = { ...config, isProtected: true };
  Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG_METADATA, route, handler);
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-3.1 */
function lacksScope(scope: Scope): Problem {
  return forbidden(insufficientScope.code, `The personal access token lacks the scope "${scope}".`, {
    'www-authenticate': `Bearer realm="cairn", error="insufficient_scope", scope="${scope}"`,
  });
}

/** Counts in the raw headers, because Node keeps only the first value. */
function countHeaders({ raw }: FastifyRequest, name: string): number {
  return raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}
