import { Module } from '@nestjs/common';
import { GoalsModule } from '../goals/goals.module';
import { TasksModule } from '../tasks/tasks.module';
import { AnalyticsController } from './analytics.controller';
import { AnalyticsRepository } from './analytics.repository';
import { DashboardController } from './dashboard.controller';
import { DashboardRepository } from './dashboard.repository';

@Module({
  imports: [TasksModule, GoalsModule],
  controllers: [DashboardController, AnalyticsController],
  providers: [DashboardRepository, AnalyticsRepository],
})
export class InsightsModule {}
