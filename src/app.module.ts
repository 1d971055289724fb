import { DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthModule } from './auth/auth.module';
import { JwtGuard } from './auth/jwt.guard';
import { Config } from './config';
import { DatabaseModule } from './database/database.module';
import { GoalsModule } from './goals/goals.module';
import { HealthModule } from './health/health.module';
import { DeclaredInputGuard } from './http/validation';
import { TasksModule } from './tasks/tasks.module';
import { UsersModule } from './users/users.module';

@Module({ imports: [DatabaseModule, AuthModule, UsersModule, TasksModule, GoalsModule, HealthModule] })
export class AppModule {
  static with(config: Config): DynamicModule {
    return {
      module: AppModule,
      global: true,
      // The guards of every route, in their order: without a token, nothing is said of the input.
      providers: [
        { provide: Config, useValue: config },
        { provide: APP_GUARD, useClass: JwtGuard },
        { provide: APP_GUARD, useClass: DeclaredInputGuard },
      ],
      exports: [Config],
    };
  }
}
