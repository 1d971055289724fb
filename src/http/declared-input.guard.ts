import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import { invalid, unknownField } from '../core/problem';
import { isForbiddenKey } from './json-keys';

interface DeclaredInput {
  query: boolean;
  body: boolean;
}

/** Refuses a query or a body on routes that do not declare one, so that no input is silently ignored. */
@Injectable()
export class DeclaredInputGuard implements CanActivate {
  private readonly inputs = new WeakMap<object, DeclaredInput>();

  /** @throws Problem 422 naming the fields and parameters that the route does not accept */
  canActivate(context: ExecutionContext): boolean {
    const { query, body } = context.switchToHttp().getRequest<FastifyRequest>();
    const declared = this.inputOf(context);
    const parameters = Object.keys(query ?? {});
    const undeclared = [
      ...(declared.query ? parameters.filter(isForbiddenKey) : parameters),
      ...(declared.body ? [] : Object.keys(body ?? {})),
    ];
    if (undeclared.length) throw invalid(undeclared.map(unknownField));
    return true;
  }

  private inputOf(context: ExecutionContext): DeclaredInput {
    const handler = context.getHandler();
    const cached = this.inputs.get(handler);
    if (cached) return cached;
    const route = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), handler.name) as
      object | undefined;
    const declares = (kind: RouteParamtypes) =>
      Object.keys(route ?? {}).some((argument) => argument.startsWith(`${kind}:`));
    const input = { query: declares(RouteParamtypes.QUERY), body: declares(RouteParamtypes.BODY) };
    this.inputs.set(handler, input);
    return input;
  }
}
