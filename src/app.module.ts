import { DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AdministrationModule } from './administration/administration.module';
import { AuthModule } from './auth/auth.module';
import { CurrentUserGuard } from './auth/current-user.guard';
import { CalendarModule } from './calendar/calendar.module';
import { Config } from './core/config';
import { ShutdownState } from './core/shutdown-state';
import { DatabaseModule } from './database/database.module';
import { DryRunModule } from './dry-run/dry-run.module';
import { ExportModule } from './export/export.module';
import { GoalsModule } from './goals/goals.module';
import { HealthModule } from './health/health.module';
import { HistoryModule } from './history/history.module';
import { AcceptGuard } from './http/accept.guard';
import { DeclaredInputGuard } from './http/declared-input.guard';
import { ImportsModule } from './imports/imports.module';
import { IdempotencyModule } from './idempotency/idempotency.module';
import { InsightsModule } from './insights/insights.module';
import { LimitsModule } from './limits/limits.module';
import { MetricsModule } from './metrics/metrics.module';
import { PurgeModule } from './purge/purge.module';
import { SchemaModule } from './schema/schema.module';
import { TagsModule } from './tags/tags.module';
import { TasksModule } from './tasks/tasks.module';
import { TimeEntriesModule } from './time-entries/time-entries.module';
import { TracingModule } from './tracing/tracing.module';
import { UsersModule } from './users/users.module';

@Module({
  imports: [
    DiscoveryModule,
    SchemaModule,
    DatabaseModule,
    LimitsModule,
    AuthModule,
    UsersModule,
    ExportModule,
    ImportsModule,
    AdministrationModule,
    TasksModule,
    TagsModule,
    TimeEntriesModule,
    GoalsModule,
    HistoryModule,
    InsightsModule,
    CalendarModule,
    IdempotencyModule,
    DryRunModule,
    PurgeModule,
    HealthModule,
    MetricsModule,
    TracingModule,
  ],
})
export class AppModule {
  static with(config: Config): DynamicModule {
    return {
      module: AppModule,
      global: true,
      // The guards of every route, in this order: a request without a token gets no errors about its input.
      providers: [
        { provide: Config, useValue: config },
        ShutdownState,
        { provide: APP_GUARD, useClass: CurrentUserGuard },
        { provide: APP_GUARD, useClass: AcceptGuard },
        { provide: APP_GUARD, useClass: DeclaredInputGuard },
      ],
      exports: [Config, ShutdownState],
    };
  }
}
