import { Module } from '@nestjs/common';
import { AnalyticsController } from './analytics.controller';
import { AnalyticsRepository } from './analytics.repository';
import { DashboardController } from './dashboard.controller';
import { DashboardRepository } from './dashboard.repository';

@Module({
  controllers: [DashboardController, AnalyticsController],
  providers: [DashboardRepository, AnalyticsRepository],
})
export class InsightsModule {}
