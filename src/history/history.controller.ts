import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { VerifiedOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { IdParam } from '../http/validation';
import { TaskView } from '../tasks/task.dto';
import { ChangePage, HistoryQuery, UndoQuery } from './change.dto';
import { HistoryService } from './history.service';

@VerifiedOnly()
@ApiTags('History')
@Controller(['', 'users/:user_id'])
export class HistoryController {
  constructor(private readonly history: HistoryService) {}

  @Get('tasks/:id/history')
  @ApiOperation({
    summary: 'List what changed in a task',
    description: 'The newest first; also in the trash.',
  })
  @ApiOkResponse({ type: ChangePage })
  ofTask(@IdParam() id: string, @Query() query: HistoryQuery): Promise<JsonPage> {
    return this.history.ofTask(id, query);
  }

  @Post('tasks/:id/undo')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Undo the last change of a task',
    description: 'Also its way to the trash, or out of it. Undone again, the change is there again.',
  })
  @ApiOkResponse({ type: TaskView })
  undo(@IdParam() id: string, @Query() { version, force }: UndoQuery): Promise<JsonText> {
    return this.history.undo(id, force, version);
  }

  @Get('goals/:id/history')
  @ApiOperation({ summary: 'List what changed in a goal', description: 'The newest first.' })
  @ApiOkResponse({ type: ChangePage })
  ofGoal(@IdParam() id: string, @Query() query: HistoryQuery): Promise<JsonPage> {
    return this.history.ofGoal(id, query);
  }
}
