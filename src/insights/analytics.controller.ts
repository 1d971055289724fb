import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { JsonText } from '../core/json-text';
import { ApiGroup } from '../http/api-group';
import { AnalyticsQuery, GoalAnalytics, TaskAnalytics, Trends, Velocity } from './analytics.dto';
import { AnalyticsRepository } from './analytics.repository';

const description =
  "Covers the last `days` days, including today, in the user's time zone. Tasks and goals in the trash are not counted.";

@ApiGroup('Insights', 'Dashboard and statistics.', 8)
@Controller('analytics')
export class AnalyticsController {
  constructor(private readonly analytics: AnalyticsRepository) {}

  @Get('tasks')
  @ApiOperation({ summary: 'Get statistics about tasks', description })
  @ApiOkResponse({ type: TaskAnalytics, description: 'The statistics.' })
  getTaskAnalytics(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.tasks(days);
  }

  @Get('goals')
  @ApiOperation({ summary: 'Get statistics about goals', description })
  @ApiOkResponse({ type: GoalAnalytics, description: 'The statistics.' })
  getGoalAnalytics(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.goals(days);
  }

  @Get('velocity')
  @ApiOperation({ summary: 'Get the number of tasks completed per day', description })
  @ApiOkResponse({ type: Velocity, description: 'The numbers per day.' })
  getVelocity(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.velocity(days);
  }

  @Get('trends')
  @ApiOperation({
    summary: 'Get the number of tasks created and completed per week',
    description: `${description} Weeks start on Monday.`,
  })
  @ApiOkResponse({ type: Trends, description: 'The numbers per week.' })
  getTrends(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.trends(days);
  }
}
