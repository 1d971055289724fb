import type { Operation } from './openapi-problems';
import { nextPageHeader } from './response-headers';

/** For routes that describe their response no closer. */
const descriptions: Record<string, string> = {
  200: 'Success.',
  201: 'The created resource.',
  202: 'Accepted. The email is sent in the background.',
  204: 'Success. No content.',
};

/** Completes the successful responses of an operation. */
export function documentSuccesses(operation: Operation): void {
  for (const [status, response] of Object.entries(operation.responses)) {
    if (!response || !('description' in response)) continue;
    response.description ||= descriptions[status] ?? '';
    if (isPage(response.content)) response.headers = nextPageHeader;
  }
}

/** Whether the response is one page of a list: the schemas of pages are named so. */
function isPage(content: object | undefined): boolean {
  return JSON.stringify(content ?? {}).includes('Page"');
}
