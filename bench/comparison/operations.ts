import type { User } from '../harness/data';
import type { Connection, LoadRequest } from '../harness/load';

/** The users of a database: those with 10,000 tasks, and those with fewer. */
export type Group = 'large' | 'ordinary';

export interface Operation {
  /** For --only, and in the results. */
  name: string;
  title: string;
  /** Whether the limit and Cairn without isolation are measured too. */
  isCompared?: true;
  group?: Group;
  /** Whether it is also measured on a server whose commits wait for the disk. */
  isWrite?: true;
  requests: (user: TargetUser) => LoadRequest[];
  /** See `Connection`. */
  carries?: string;
  isPublic?: true;
}

export interface TargetUser extends User {
  /** The cursor of page 1,000, for users with 10,000 tasks. */
  cursor?: string;
  refreshToken?: string;
}

const api = '/api/v1';
const pageSize = 10;

const get = (path: string): LoadRequest => ({ method: 'GET', path: api + path });
const post = (path: string, body?: object): LoadRequest => ({
  method: 'POST',
  path: api + path,
  body: body && JSON.stringify(body),
});

export const createBody = { title: 'Lay a stone', priority: 2 };

/** In this order, because some change the data that others read. */
export const operations: Operation[] = [
  {
    name: 'list',
    title: 'list 20 tasks',
    isCompared: true,
    requests: () => [get('/tasks?limit=20')],
  },
  {
    name: 'list-100',
    title: 'list 100 tasks',
    isCompared: true,
    requests: () => [get('/tasks?limit=100')],
  },
  {
    name: 'get',
    title: 'get a task',
    isCompared: true,
    requests: ({ task }) => [get(`/tasks/${task}`)],
  },
  {
    name: 'list-status',
    title: 'list 20 pending tasks',
    requests: () => [get('/tasks?limit=20&status=pending')],
  },
  {
    name: 'list-due',
    title: 'list 20 tasks by due date',
    requests: () => [get('/tasks?limit=20&sort=due_date')],
  },
  {
    name: 'search',
    title: 'search, 20 tasks',
    requests: () => [get('/tasks?limit=20&q=granite')],
  },
  {
    name: 'search-relevance',
    title: 'search, 20 tasks by relevance',
    requests: () => [get('/tasks?limit=20&q=granite&sort=relevance')],
  },
  {
    name: 'search-terms',
    title: 'search for a phrase, with an exclusion',
    requests: () => [get('/tasks?limit=20&q=%22made%20of%20granite%22%20-marble')],
  },
  {
    name: 'page-1',
    title: 'page 1 of 10 tasks',
    group: 'large',
    requests: () => [get(`/tasks?limit=${pageSize}`)],
  },
  {
    name: 'page-1000',
    title: 'page 1,000 of 10 tasks',
    group: 'large',
    requests: ({ cursor }) => [get(`/tasks?limit=${pageSize}&cursor=${cursor}`)],
  },
  {
    name: 'dashboard',
    title: 'dashboard',
    requests: () => [get('/dashboard')],
  },
  {
    name: 'breakdown',
    title: 'breakdown of a goal',
    requests: ({ root }) => [get(`/goals/${root}/breakdown`)],
  },
  {
    name: 'login',
    title: 'log in',
    isPublic: true,
    requests: ({ email }) => [post('/auth/login', { email, password: 'a cairn of many stones' })],
  },
  {
    name: 'refresh',
    title: 'refresh a session',
    isPublic: true,
    carries: 'refresh_token',
    requests: ({ refreshToken }) => [post('/auth/refresh', { refresh_token: refreshToken })],
  },
  {
    name: 'create',
    title: 'create a task',
    isCompared: true,
    isWrite: true,
    requests: () => [post('/tasks', createBody)],
  },
  {
    name: 'update',
    title: 'update a task',
    isWrite: true,
    requests: ({ task }) =>
      ['Lay a stone', 'Lay two stones'].map((title) => ({
        method: 'PATCH',
        path: `${api}/tasks/${task}`,
        body: JSON.stringify({ title }),
      })),
  },
  {
    name: 'complete',
    title: 'complete or reopen a task',
    isWrite: true,
    requests: ({ pending }) => [post(`/tasks/${pending}/complete`), post(`/tasks/${pending}/reopen`)],
  },
  {
    name: 'batch',
    title: 'batch: create 200 tasks',
    isWrite: true,
    requests: () => [
      post('/tasks/batch', {
        mode: 'atomic',
        operations: Array.from({ length: 200 }, () => ({ op: 'create', data: createBody })),
      }),
    ],
  },
];

/** What the connection of a user sends. */
export function connectionOf(operation: Operation, user: TargetUser, token: string): Connection {
  return {
    token: operation.isPublic ? undefined : token,
    requests: operation.requests(user),
    carries: operation.carries,
  };
}
