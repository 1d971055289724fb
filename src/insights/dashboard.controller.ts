import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { VerifiedOnly } from '../http/access';
import { JsonText } from '../core/json-text';
import { Dashboard } from './dashboard.dto';
import { DashboardRepository } from './dashboard.repository';

@VerifiedOnly()
@ApiTags('Insights')
@Controller('dashboard')
export class DashboardController {
  constructor(private readonly dashboard: DashboardRepository) {}

  @Get()
  @ApiOperation({
    summary: 'See what matters today',
    description:
      'Days and weeks (from Monday) are those of the user’s time zone. Each list counts all, and shows ten.',
  })
  @ApiOkResponse({ type: Dashboard })
  read(): Promise<JsonText> {
    return this.dashboard.read();
  }
}
