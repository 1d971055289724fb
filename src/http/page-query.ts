import { maxCursorLength, maxPageSize } from '../core/page-request';
import { maxSearchTerms } from '../core/search';
import { EnumParam, IntegerParam, SearchParam, TextParam, TimestampParam } from './query-params';

/** The parameters of every list. */
export abstract class PageQuery {
  @IntegerParam({
    description: 'Maximum number of items per page. A page can have fewer items if they are very large.',
    min: 1,
    max: maxPageSize,
    default: 50,
  })
  limit = 50;

  @TextParam({
    description: '`next_cursor` of the previous page. Use it with the same filters and sort order.',
    max: maxCursorLength,
  })
  cursor?: string;

  @EnumParam({
    description: 'Use `total` to include the total number of items in the response.',
    values: ['total'],
  })
  include?: 'total';
}

/** The parameters that the lists of tasks and goals share. */
export abstract class RowQuery extends PageQuery {
  @TimestampParam({ description: 'Only items created at or after this time.' })
  created_from?: string;

  @TimestampParam({ description: 'Only items created before this time.' })
  created_before?: string;

  @TimestampParam({ description: 'Only items last updated at or after this time.' })
  updated_from?: string;

  @TimestampParam({ description: 'Only items last updated before this time.' })
  updated_before?: string;

  @TimestampParam({ description: 'Only items completed at or after this time.' })
  completed_from?: string;

  @TimestampParam({ description: 'Only items completed before this time.' })
  completed_before?: string;

  @SearchParam({
    description:
      'Only items whose title or description contain all terms, ignoring case. A term is the beginning of a word (`meet` ' +
      'finds `meeting`), or a phrase of whole words in double quotes (`"next week"`). Items with a term after `-` are ' +
      `excluded. At most ${maxSearchTerms} terms, without wildcards. Example: \`meet "next week" -cancelled\`.`,
    max: 200,
  })
  q?: string;
}
