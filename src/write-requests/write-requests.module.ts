import { Global, Module } from '@nestjs/common';
import { IdempotencyKeysRepository } from './idempotency-keys.repository';
import { IdempotencyService } from './idempotency.service';

/** Global, because Nest creates the interceptor in the modules of the controllers. */
@Global()
@Module({ providers: [IdempotencyKeysRepository, IdempotencyService], exports: [IdempotencyService] })
export class WriteRequestsModule {}
