import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Database } from '../database/database';
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
@ApiTags('Health')
@Controller('health')
export class HealthController {
  constructor(private readonly database: Database) {}

  @Get('live')
  @ApiOperation({ summary: 'Check whether the process is running' })
  @ApiOkResponse({ type: Health, description: 'The process is running.' })
  live(): Health {
    return { status: 'ok' };
  }

  @Get(['', 'ready'])
  @Problems(503)
  @ApiOperation({
    summary: 'Check whether the server can handle requests',
    description: 'Also checks the connection to the database.',
  })
  @ApiOkResponse({ type: Health, description: 'The server can handle requests.' })
  async ready(): Promise<Health> {
    await this.database.ping();
    return { status: 'ok' };
  }
}
