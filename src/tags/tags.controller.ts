import { Body, Controller, Delete, Get, HttpCode, Patch, Query } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { JsonPage, JsonText } from '../core/json-text';
import { ApiGroup } from '../http/api-group';
import { IdParam } from '../http/id-param';
import { PatchTag, TagPage, TagQuery, TagView } from './tag.dto';
import { TagsRepository } from './tags.repository';

@ApiGroup('Tags', 'List, rename, color and delete the tags of tasks.', 5)
@Controller('tags')
export class TagsController {
  constructor(private readonly tags: TagsRepository) {}

  @Get()
  @ApiOperation({ summary: 'List tags', description: 'Tags are created when they are first used on a task.' })
  @ApiOkResponse({ type: TagPage, description: 'A page of tags.' })
  list(@Query() query: TagQuery): Promise<JsonPage> {
    return this.tags.page(query);
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Update a tag',
    description:
      'Fields that are absent keep their value. Null clears a field. If another tag has the new name, it is merged into this tag.',
  })
  @ApiBody({ type: PatchTag, examples: { color: { value: { color: '#aa3300' } } } })
  @ApiOkResponse({ type: TagView, description: 'The updated tag.' })
  update(@IdParam() id: string, @Body() { name, ...values }: PatchTag): Promise<JsonText> {
    return name === undefined ? this.tags.update(id, values) : this.tags.rename(id, name, values);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete a tag',
    description: 'Removes the tag from all tasks. The tasks are kept.',
  })
  @ApiNoContentResponse({ description: 'The tag was deleted.' })
  delete(@IdParam() id: string): Promise<void> {
    return this.tags.delete(id);
  }
}
