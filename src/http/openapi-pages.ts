import type { Operation } from './openapi-problems';
import { nextPageHeader } from './response-headers';
import { isPageName } from './views';

/** Documents the header of the responses that are a page of a list. */
export function documentPages(operation: Operation): void {
  for (const response of Object.values(operation.responses)) {
    if (!response || !('content' in response)) continue;
    const schema = response.content?.['application/json']?.schema;
    if (schema && '$ref' in schema && isPageName(schema.$ref.replace(/^.*\//, ''))) {
      response.headers = nextPageHeader;
    }
  }
}
