import { Global, Module } from '@nestjs/common';
import { RateLimiter } from './rate-limiter';
import { RateLimitsRepository } from './rate-limits.repository';

@Global()
@Module({ providers: [RateLimiter, RateLimitsRepository], exports: [RateLimiter] })
export class LimitsModule {}
