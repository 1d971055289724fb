import { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IntegerParameter, MomentParameter, TextParameter, WordParameter } from './fields';

/** What every list understands. */
export abstract class PageQuery {
  @IntegerParameter({
    description: 'Maximum number of items per page. A page can have fewer items if they are very large.',
    min: 1,
    max: 200,
    default: 50,
  })
  limit = 50;

  @TextParameter({
    description: '`next_cursor` of the previous page. Use it with the same filters and sort order.',
    max: 8000,
  })
  cursor?: string;

  @WordParameter({
    description: 'Use `total` to include the total number of items in the response.',
    of: ['total'],
  })
  include?: 'total';
}

/** What lists of tasks and of goals have in common. */
export abstract class RowQuery extends PageQuery {
  @MomentParameter({ description: 'Only items created at or after this time.' })
  created_from?: string;

  @MomentParameter({ description: 'Only items created before this time.' })
  created_before?: string;

  @MomentParameter({ description: 'Only items last updated at or after this time.' })
  updated_from?: string;

  @MomentParameter({ description: 'Only items last updated before this time.' })
  updated_before?: string;

  @MomentParameter({ description: 'Only items completed at or after this time.' })
  completed_from?: string;

  @MomentParameter({ description: 'Only items completed before this time.' })
  completed_before?: string;

  @TextParameter({
    description:
      'Only items with this text in the title or the description. Case-insensitive, without wildcards.',
    max: 200,
  })
  q?: string;
}

/** The answer of a list of such items. */
export function pageOf(View: Type, name: string): Type {
  class Page {
    @ApiProperty({ type: [View], description: 'Items of this page.' })
    items: object[];

    @ApiProperty({
      type: String,
      nullable: true,
      description: 'Cursor of the next page. Null on the last page.',
    })
    next_cursor: string | null;

    @ApiProperty({
      type: 'integer',
      required: false,
      description: 'Total number of items. Present only with `include=total`.',
    })
    total?: number;
  }
  Object.defineProperty(Page, 'name', { value: name });
  return Page;
}
