import type { Operation } from './openapi-problems';
import { nextPageHeader } from './response-headers';

/** For routes that do not describe their response. */
const defaultDescriptions: Record<string, string> = {
  200: 'Success.',
  201: 'The created resource.',
  202: 'Accepted. The email is sent in the background.',
  204: 'Success. No content.',
};

/** Completes the successful responses of an operation. */
export function documentSuccesses(operation: Operation): void {
  for (const [status, response] of Object.entries(operation.responses)) {
    if (!response || !('description' in response)) continue;
    response.description ||= defaultDescriptions[status] ?? '';
    if (isPage(response.content)) response.headers = nextPageHeader;
  }
}

/** Whether the response is a page of a list: the names of their schemas end in `Page`. */
function isPage(content: object | undefined): boolean {
  return JSON.stringify(content ?? {}).includes('Page"');
}
