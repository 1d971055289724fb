import {
  CallHandler,
  ExecutionContext,
  Injectable,
  NestInterceptor,
  RequestMethod,
  Type,
} from '@nestjs/common';
import { INTERCEPTORS_METADATA, METHOD_METADATA, MODULE_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lastValueFrom, Observable, of } from 'rxjs';
import { invalid, unknownField } from '../core/problem';
import { isDryRun } from '../core/request-context';
import { Database } from '../database/database';
import { dryRunParameter } from '../http/dry-run';
import { idempotencyKeyNotSupported } from '../http/idempotency-keys';
import { ownTransactions } from '../http/own-transactions';
import { IdempotencyService } from './idempotency.service';

/**
 * Handles a request with `validate_only=true` in a transaction that is rolled back, and a POST with an `Idempotency-Key` in
 * one that also stores the response.
 */
@Injectable()
export class WriteRequestInterceptor implements NestInterceptor {
  constructor(
    private readonly idempotency: IdempotencyService,
    private readonly database: Database,
    private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.method === 'POST' ? request.headers['idempotency-key'] : undefined;
    if (!isDryRun() && key === undefined) return next.handle();

    const targets = [context.getHandler(), context.getClass()];
    const hasOwnTransactions = this.reflector.getAllAndOverride<true | undefined>(ownTransactions, targets);
    if (isDryRun()) {
      if (hasOwnTransactions) throw invalid([unknownField(dryRunParameter)]);
      return of(await this.database.dryRun(() => lastValueFrom(next.handle(), { defaultValue: undefined })));
    }
    if (hasOwnTransactions) throw idempotencyKeyNotSupported.create();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return of(await this.idempotency.handleOnce(key, request, reply, next));
  }
}

/**
 * Adds the interceptor to all write operations of these modules. As a global interceptor, Nest would call it for reads too,
 * which would then take about a fifth more processor time.
 */
export function interceptWrites(modules: Type[]): void {
  const controllers = modules.flatMap(
    (module) => (Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, module) ?? []) as Type<object>[],
  );
  const scanner = new MetadataScanner();
  for (const { prototype } of controllers) {
    for (const name of scanner.getAllMethodNames(prototype as object)) {
      const handler = (prototype as Record<string, object>)[name]!;
      const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (method === undefined || method === RequestMethod.GET) continue;
      Reflect.defineMetadata(INTERCEPTORS_METADATA, [WriteRequestInterceptor], handler);
    }
  }
}
