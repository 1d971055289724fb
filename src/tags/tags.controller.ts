import { Body, Controller, Delete, Get, HttpCode, Patch, Query } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { VerifiedOnly } from '../http/access';
import { JsonPage, JsonText } from '../core/json-text';
import { IdParam } from '../http/validation';
import { PatchTag, TagPage, TagQuery, TagView } from './tag.dto';
import { TagsRepository } from './tags.repository';

@VerifiedOnly()
@ApiTags('Tags')
@Controller('tags')
export class TagsController {
  constructor(private readonly tags: TagsRepository) {}

  @Get()
  @ApiOperation({ summary: 'List your tags', description: 'A tag is made when a task is given one.' })
  @ApiOkResponse({ type: TagPage })
  page(@Query() query: TagQuery): Promise<JsonPage> {
    return this.tags.page(query);
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Rename or colour a tag',
    description:
      'Absent keeps, null clears. With the name of another tag, both become this one, on all tasks.',
  })
  @ApiBody({ type: PatchTag, examples: { colour: { value: { color: '#aa3300' } } } })
  @ApiOkResponse({ type: TagView })
  change(@IdParam() id: string, @Body() { name, ...changes }: PatchTag): Promise<JsonText> {
    return name === undefined ? this.tags.update(id, changes) : this.tags.rename(id, name, changes);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove a tag', description: 'The tasks stay, without it.' })
  @ApiNoContentResponse()
  remove(@IdParam() id: string): Promise<void> {
    return this.tags.remove(id);
  }
}
