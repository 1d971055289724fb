import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { VerifiedOnly } from '../http/access';
import { JsonText } from '../core/json-text';
import { AnalyticsQuery, GoalAnalytics, TaskAnalytics, Trends, Velocity } from './analytics.dto';
import { AnalyticsRepository } from './analytics.repository';

const description = 'Of the last days, today included, in the user’s time zone; without the trash.';

@VerifiedOnly()
@ApiTags('Insights')
@Controller('analytics')
export class AnalyticsController {
  constructor(private readonly analytics: AnalyticsRepository) {}

  @Get('tasks')
  @ApiOperation({ summary: 'What became of tasks', description })
  @ApiOkResponse({ type: TaskAnalytics })
  tasks(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.tasks(days);
  }

  @Get('goals')
  @ApiOperation({ summary: 'What became of goals', description })
  @ApiOkResponse({ type: GoalAnalytics })
  goals(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.goals(days);
  }

  @Get('velocity')
  @ApiOperation({ summary: 'Tasks completed per day', description })
  @ApiOkResponse({ type: Velocity })
  velocity(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.velocity(days);
  }

  @Get('trends')
  @ApiOperation({
    summary: 'Tasks made and completed per week',
    description: `${description} Weeks begin on Monday.`,
  })
  @ApiOkResponse({ type: Trends })
  trends(@Query() { days }: AnalyticsQuery): Promise<JsonText> {
    return this.analytics.trends(days);
  }
}
