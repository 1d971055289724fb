import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Put, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { JsonPage, JsonText } from '../http/json-text';
import { IdParam } from '../http/validation';
import { CreateTask, DeleteTaskQuery, PatchTask, TaskPage, TaskQuery, TaskView } from './task.dto';
import { TasksService } from './tasks.service';

const created = {
  title: 'Write the first chapter',
  priority: 2,
  category: 'writing',
  due_date: '2026-12-31',
};
const changed = { status: 'in_progress', notes: 'The outline stands.' };

@ApiTags('Tasks')
@Controller(['tasks', 'users/:user_id/tasks'])
export class TasksController {
  constructor(private readonly tasks: TasksService) {}

  @Get()
  @ApiOperation({ summary: 'List tasks', description: 'Without those in the trash, unless `trashed=true`.' })
  @ApiOkResponse({ type: TaskPage })
  page(@Query() query: TaskQuery): Promise<JsonPage> {
    return this.tasks.page(query);
  }

  @Post()
  @ApiOperation({ summary: 'Make a task' })
  @ApiBody({ type: CreateTask, examples: { task: { value: created } } })
  @ApiCreatedResponse({ type: TaskView })
  create(@Body() task: CreateTask): Promise<JsonText> {
    return this.tasks.create(task);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Read a task' })
  @ApiOkResponse({ type: TaskView })
  find(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.find(id);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change a task', description: 'Absent keeps, null clears.' })
  @ApiBody({ type: PatchTask, examples: { progress: { value: changed } } })
  @ApiOkResponse({ type: TaskView })
  change(@IdParam() id: string, @Body() changes: PatchTask): Promise<JsonText> {
    return this.tasks.change(id, changes);
  }

  @Put(':id')
  @ApiOperation({ summary: 'Change a task', description: 'The same as PATCH: absent keeps, null clears.' })
  @ApiBody({ type: PatchTask, examples: { progress: { value: changed } } })
  @ApiOkResponse({ type: TaskView })
  put(@IdParam() id: string, @Body() changes: PatchTask): Promise<JsonText> {
    return this.tasks.change(id, changes);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Move a task to the trash',
    description: 'With `permanent=true`, remove it for ever.',
  })
  @ApiNoContentResponse()
  remove(@IdParam() id: string, @Query() { permanent }: DeleteTaskQuery): Promise<void> {
    return this.tasks.remove(id, permanent);
  }

  @Post(':id/complete')
  @HttpCode(200)
  @ApiOperation({ summary: 'Complete a task' })
  @ApiOkResponse({ type: TaskView })
  complete(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.complete(id);
  }

  @Post(':id/reopen')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Reopen a task',
    description: 'What was completed or cancelled is pending again.',
  })
  @ApiOkResponse({ type: TaskView })
  reopen(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.reopen(id);
  }

  @Post(':id/restore')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take a task out of the trash' })
  @ApiOkResponse({ type: TaskView })
  restore(@IdParam() id: string): Promise<JsonText> {
    return this.tasks.restore(id);
  }
}
