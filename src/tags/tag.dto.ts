import { IntersectionType, PartialType } from '@nestjs/swagger';
import { IntegerField, TextField } from '../http/body-fields';
import { FieldsParam, SortParam } from '../http/query-params';
import { parseSort } from '../core/page-request';
import { Identified, pageOf, Versioned } from '../http/views';
import { PageQuery } from '../http/page-query';

class TagFields {
  @TextField({
    description: 'Name of the tag. Unique and case-insensitive.',
    example: 'writing',
    min: 1,
    max: 50,
  })
  name: string;

  @TextField({
    description: 'Color of the tag: `#` and six lower-case hexadecimal digits.',
    example: '#aa3300',
    nullable: true,
    max: 7,
    pattern: /^#[0-9a-f]{6}$/,
  })
  color: string | null;
}

class TagUse {
  @IntegerField({
    description: 'Number of tasks with this tag, without tasks in the trash.',
    min: 0,
    max: 2_147_483_647,
  })
  task_count: number;
}

export class TagView extends IntersectionType(Identified, TagFields, TagUse, Versioned) {}

export const TagPage = pageOf(TagView, 'TagPage');

export class PatchTag extends PartialType(TagFields, { skipNullProperties: false }) {}

const sortable = ['name', 'created_at'] as const;

export class TagQuery extends PageQuery {
  @SortParam({ columns: sortable, default: 'name' })
  sort = parseSort('name');

  @FieldsParam(TagView)
  fields?: string[];
}
