import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Database } from '../database/database';
import { unavailable } from '../core/problem';
import { Public } from '../http/access';

class Health {
  @ApiProperty({ type: String, enum: ['ok'] })
  status: 'ok';
}

@Public()
@ApiTags('Health')
@Controller('health')
export class HealthController {
  constructor(private readonly database: Database) {}

  @Get('live')
  @ApiOperation({ summary: 'Does the process answer?' })
  @ApiOkResponse({ type: Health })
  live(): Health {
    return { status: 'ok' };
  }

  @Get(['', 'ready'])
  @ApiOperation({ summary: 'Can it serve requests: does the database answer?' })
  @ApiOkResponse({ type: Health })
  async ready(): Promise<Health> {
    if (!(await this.database.ping())) throw unavailable('The database cannot be reached.');
    return { status: 'ok' };
  }
}
