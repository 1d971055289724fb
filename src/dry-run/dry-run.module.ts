import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { DryRunInterceptor } from './dry-run.interceptor';

@Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: DryRunInterceptor }] })
export class DryRunModule {}
