import { Controller, Get, Header, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ExportView } from './export.dto';
import { ExportService } from './export.service';

@ApiTags('Users')
@Controller('users/me/export')
export class ExportController {
  constructor(private readonly exports: ExportService) {}

  @Get()
  @Header('content-disposition', 'attachment; filename="cairn-export.json"')
  @ApiOperation({
    summary: 'Take everything with you',
    description: 'One JSON document, streamed. What is written meanwhile may be in it or not.',
  })
  @ApiOkResponse({ type: ExportView })
  async export(): Promise<StreamableFile> {
    return new StreamableFile(await this.exports.stream(), { type: 'application/json' });
  }
}
