import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { JsonText } from '../core/json-text';
import { Dashboard } from './dashboard.dto';
import { DashboardRepository } from './dashboard.repository';

@ApiTags('Insights')
@Controller('dashboard')
export class DashboardController {
  constructor(private readonly dashboard: DashboardRepository) {}

  @Get()
  @ApiOperation({
    summary: 'Get the dashboard',
    description:
      "Overdue, due, blocked and recently completed tasks, active goals and goals at risk. Each section has the total count and the first 10 items, or fewer if they are very large. Days and weeks refer to the user's time zone. Weeks start on Monday.",
  })
  @ApiOkResponse({ type: Dashboard, description: 'The dashboard.' })
  getDashboard(): Promise<JsonText> {
    return this.dashboard.read();
  }
}
