import { CallHandler, ExecutionContext, Injectable, NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { lastValueFrom, Observable, of } from 'rxjs';
import { invalid, unknownField } from '../core/problem';
import { isDryRun } from '../core/request-context';
import { Database } from '../database/database';
import { ownTransactions } from '../http/own-transactions';
import { dryRunParameter } from '../http/dry-run';

/** Handles a request with `validate_only=true` in one transaction, which it rolls back. */
@Injectable()
export class DryRunInterceptor implements NestInterceptor {
  constructor(
    private readonly database: Database,
    private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    if (!isDryRun()) return next.handle();
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride(ownTransactions, targets))
      throw invalid([unknownField(dryRunParameter)]);
    return of(await this.database.dryRun(() => lastValueFrom(next.handle(), { defaultValue: undefined })));
  }
}
