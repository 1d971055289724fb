import { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IntegerParameter, MomentParameter, TextParameter, WordParameter } from './fields';

/** What every list understands. */
export abstract class PageQuery {
  @IntegerParameter({
    description: 'How many items a page has; fewer, where they are very large.',
    min: 1,
    max: 200,
    default: 50,
  })
  limit = 50;

  @TextParameter({
    description: '`next_cursor` of the page before; filters and sort must be the same.',
    max: 8000,
  })
  cursor?: string;

  @WordParameter({ description: '`total` counts all items of the list.', of: ['total'] })
  include?: 'total';
}

/** What lists of tasks and of goals have in common. */
export abstract class RowQuery extends PageQuery {
  @MomentParameter({ description: 'Made then or later.' })
  created_from?: string;

  @MomentParameter({ description: 'Made before then.' })
  created_before?: string;

  @MomentParameter({ description: 'Changed then or later.' })
  updated_from?: string;

  @MomentParameter({ description: 'Changed before then.' })
  updated_before?: string;

  @MomentParameter({ description: 'Completed then or later.' })
  completed_from?: string;

  @MomentParameter({ description: 'Completed before then.' })
  completed_before?: string;

  @TextParameter({
    description: 'Text in title or description, taken literally, whatever its case.',
    max: 200,
  })
  q?: string;
}

/** The answer of a list of such items. */
export function pageOf(View: Type, name: string): Type {
  class Page {
    @ApiProperty({ type: [View] })
    items: object[];

    @ApiProperty({ type: String, nullable: true, description: 'For the next page; null on the last one.' })
    next_cursor: string | null;

    @ApiProperty({ type: 'integer', required: false, description: 'With `include=total`.' })
    total?: number;
  }
  Object.defineProperty(Page, 'name', { value: name });
  return Page;
}
