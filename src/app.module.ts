import { DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AdministrationModule } from './administration/administration.module';
import { AuthModule } from './auth/auth.module';
import { CurrentUserGuard } from './auth/current-user.guard';
import { CalendarModule } from './calendar/calendar.module';
import { Config } from './core/config';
import { ShutdownState } from './core/shutdown-state';
import { DatabaseModule } from './database/database.module';
import { ExportModule } from './export/export.module';
import { GoalsModule } from './goals/goals.module';
import { HealthModule } from './health/health.module';
import { HistoryModule } from './history/history.module';
import { AcceptGuard } from './http/accept.guard';
import { DeclaredInputGuard } from './http/declared-input.guard';
import { ImportsModule } from './imports/imports.module';
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
import { interceptWrites } from './write-requests/write-request.interceptor';
import { WriteRequestsModule } from './write-requests/write-requests.module';

const modules = [
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
  WriteRequestsModule,
  PurgeModule,
  HealthModule,
  MetricsModule,
  TracingModule,
];

interceptWrites(modules);

@Module({ imports: modules })
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
