import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { notAcceptable } from '../core/general-problems';
import { acceptsType } from './accept';

/** Where the decorators of @nestjs/swagger keep what they declare. */
const metadata = { types: 'swagger/apiProduces', responses: 'swagger/apiResponse' };

type Responses = Record<string, { type?: unknown; schema?: unknown; content?: Record<string, unknown> }>;

/**
 * Refuses a request before it has an effect if the client does not accept the media type that the OpenAPI document
 * declares for the response. Problems are sent whatever the client accepts.
 */
@Injectable()
export class AcceptGuard implements CanActivate {
  private readonly types = new WeakMap<object, string[]>();

  constructor(private readonly reflector: Reflector) {}

  /** @throws Problem 406 naming the media types of the operation */
  canActivate(context: ExecutionContext): boolean {
    const { accept } = context.switchToHttp().getRequest<FastifyRequest>().headers;
    const types = this.typesOf(context);
    if (types.length === 0 || types.some((type) => acceptsType(accept, type))) return true;
    throw notAcceptable.create(`This operation responds with ${types.join(' or ')}, which Accept excludes.`);
  }

  /** The media types of an operation; none if its responses have no body. */
  private typesOf(context: ExecutionContext): string[] {
    const handler = context.getHandler();
    const cached = this.types.get(handler);
    if (cached) return cached;
    const responses = this.reflector.get<Responses | undefined>(metadata.responses, handler) ?? {};
    const declared = this.reflector.getAllAndOverride<string[] | undefined>(metadata.types, [
      handler,
      context.getClass(),
    ]);
    const types = Object.entries(responses)
      .filter(([status]) => status.startsWith('2'))
      .flatMap(([, { type, schema, content }]) => {
        if (content) return Object.keys(content);
        return type || schema ? (declared ?? ['application/json']) : [];
      });
    this.types.set(handler, types);
    return types;
  }
}
