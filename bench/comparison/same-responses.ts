import { deepStrictEqual } from 'node:assert';
import { callText } from '../harness/api';
import { createBody } from './operations';

interface Task {
  id: string;
  created_at: string;
  updated_at: string;
}

interface Page {
  items: Task[];
  next_cursor: string | null;
}

/**
 * Compares the JSON of two servers on the same database, with the order of its members, but without the values of cursors,
 * of new ids and of the current time. @throws AssertionError with the difference
 */
export async function requireSameResponses(
  url: string,
  otherUrl: string,
  token: string,
  task: string,
): Promise<void> {
  const requireSame = async <T>(
    method: string,
    path: string,
    body: object | undefined,
    varying: (keyof T)[],
  ) => {
    const [first, second] = await Promise.all(
      [url, otherUrl].map(async (server) => {
        const response = JSON.parse(await callText(server, token, method, path, body)) as T;
        const placeholders = varying.map((name) => [name, typeof response[name]]);
        // 2.00 and 2 are the same number. A line for each member, for a readable difference.
        return JSON.stringify({ ...response, ...Object.fromEntries(placeholders) }, null, 1);
      }),
    );
    deepStrictEqual(second, first);
  };
  for (const limit of [20, 100])
    await requireSame<Page>('GET', `/tasks?limit=${limit}`, undefined, ['next_cursor']);
  await requireSame<Task>('GET', `/tasks/${task}`, undefined, []);
  await requireSame<Task>('POST', '/tasks', createBody, ['id', 'created_at', 'updated_at']);
}
