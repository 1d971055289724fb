import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty } from '@nestjs/swagger';
import { Database } from '../database/database';
import { unavailable } from '../core/problem';
import { ShutdownState } from '../core/shutdown-state';
import { ApiGroup } from '../http/api-group';
import { Public } from '../http/access';
import { Problems } from '../http/problem-responses';

class Health {
  @ApiProperty({
    type: String,
    enum: ['ok'],
    description: 'Always `ok`. Errors are reported as problem details.',
  })
  status: 'ok';
}

@Public()
@ApiGroup('Health', 'For load balancers and monitoring.', 23)
@Controller('health')
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly shutdown: ShutdownState,
  ) {}

  @Get('live')
  @ApiOperation({
    summary: 'Check whether the process is running',
    description: 'Does not check the connection to the database.',
  })
  @ApiOkResponse({ type: Health, description: 'The process is running.' })
  checkLiveness(): Health {
    return { status: 'ok' };
  }

  @Get()
  @Problems(503)
  @ApiOperation({ summary: 'Check the health of the server', description: 'Same as `GET /health/ready`.' })
  @ApiOkResponse({ type: Health, description: 'The server can handle requests.' })
  checkHealth(): Promise<Health> {
    return this.checkReadiness();
  }

  @Get('ready')
  @Problems(503)
  @ApiOperation({
    summary: 'Check whether the server can handle requests',
    description: 'Also checks the connection to the database. Fails as soon as the server begins to stop.',
  })
  @ApiOkResponse({ type: Health, description: 'The server can handle requests.' })
  async checkReadiness(): Promise<Health> {
    if (this.shutdown.isStopping && !this.shutdown.isReplaced) throw unavailable('The server is stopping.');
    await this.database.ping();
    return { status: 'ok' };
  }
}
