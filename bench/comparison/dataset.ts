import { callText } from '../harness/api';
import { addUsers, createSessions, fill, findUsers, User } from '../harness/data';
import { BenchDatabase, createDatabase } from '../harness/database';
import { onDatabase } from '../../test/setup/server';
import type { TargetUser } from './operations';

/** The tasks of an ordinary and of a large user, and of one with as many as the quota allows. */
export const tasksOf = { ordinary: 1000, large: 10_000, huge: 100_000 };

/** From this size on, one user with 100,000 tasks is added. */
const sizeWithHugeUser = 1_000_000;

/** A database with a number of tasks, most of them of ordinary users. */
export interface Dataset extends BenchDatabase {
  tasks: number;
  ordinary: User[];
  large: User[];
  huge?: User;
}

export async function createDataset(tasks: number, isDurable = false): Promise<Dataset> {
  const database = await createDatabase(`bench_${tasks}`, isDurable);
  const large = Math.min(16, Math.max(1, Math.floor(tasks / 25_000)));
  const ordinary = Math.floor((tasks - large * tasksOf.large) / tasksOf.ordinary);
  return fill(database.superuserUrl, async (client) => {
    await addUsers(client, 'large', large, tasksOf.large);
    if (ordinary > 0) await addUsers(client, 'ordinary', ordinary, tasksOf.ordinary);
    if (tasks >= sizeWithHugeUser) await addUsers(client, 'huge', 1, tasksOf.huge);
    return {
      ...database,
      tasks,
      large: await findUsers(client, 'large'),
      ordinary: await findUsers(client, 'ordinary'),
      huge: (await findUsers(client, 'huge'))[0],
    };
  });
}

/** Writes everything to disk and collects dead rows, so that the next measurement does not pay for the last one. */
export function settle({ superuserUrl }: BenchDatabase): Promise<unknown> {
  return onDatabase(superuserUrl, async (client) => {
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
  });
}

/** Finds the cursors of page 1,000 of 10 tasks. @param url of Cairn */
export async function findCursors(url: string, dataset: Dataset): Promise<TargetUser[]> {
  const tokens = await createSessions(
    dataset.superuserUrl,
    dataset.large.map(({ user }) => user),
  );
  return Promise.all(
    dataset.large.map(async (user, index) => ({
      ...user,
      cursor: await cursorAfter(url, tokens[index]!, 9990),
    })),
  );
}

async function cursorAfter(url: string, token: string, tasks: number): Promise<string> {
  let cursor = '';
  for (let left = tasks; left > 0; left -= 200) {
    const page = await callText(
      url,
      token,
      'GET',
      `/tasks?limit=${Math.min(left, 200)}${cursor && `&cursor=${cursor}`}`,
    );
    const { next_cursor: next } = JSON.parse(page) as { next_cursor: string | null };
    if (next === null) break; // some are in the trash
    cursor = next;
  }
  return cursor;
}
