import { Controller, Get, Header, StreamableFile } from '@nestjs/common';
import { ApiExtension, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AllowUnverified } from '../http/access';
import { streamed } from '../http/openapi-request-headers';
import { Problems } from '../http/problem-responses';
import { ExportView } from './export.dto';
import { exportRunning } from './export.problems';
import { ExportService } from './export.service';

@AllowUnverified()
@ApiTags('Account')
@Controller('users/me/export')
export class ExportController {
  constructor(private readonly exports: ExportService) {}

  @Get()
  @ApiExtension(streamed, true)
  @Problems(exportRunning)
  @Header('content-disposition', 'attachment; filename="cairn-export.json"')
  @ApiOperation({
    summary: 'Export all data of the current user',
    description: 'Streams one JSON document. Changes made during the export may or may not be included.',
  })
  @ApiOkResponse({ type: ExportView, description: 'The export.' })
  async exportData(): Promise<StreamableFile> {
    return new StreamableFile(await this.exports.stream(), { type: 'application/json' });
  }
}
