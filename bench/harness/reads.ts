import type { User } from './data';

/** Maximum milliseconds at the 95th percentile, for the whole request or for its statements. */
export interface Bound {
  request?: number;
  statements?: number;
}

/** Every list, search, summary and insight. */
export const reads: [path: string, bound?: Bound][] = [
  ['/tasks/{task}', { statements: 5 }],
  ['/tasks?limit=20'],
  ['/tasks?limit=100', { statements: 20 }],
  ['/tasks?limit=200'],
  ['/tasks?limit=20&include=total'],
  ['/tasks?limit=20&status=pending'],
  ['/tasks?limit=20&status=pending,blocked'],
  ['/tasks?limit=20&completed=true'],
  ['/tasks?limit=20&category=c3'],
  ['/tasks?limit=20&priority=1'],
  ['/tasks?limit=20&project_name=Bridge'],
  ['/tasks?limit=20&goal_id={goal}'],
  ['/tasks?limit=20&parent_task_id={task}'],
  ['/tasks?limit=20&due_date=none'],
  ['/tasks?limit=20&sort=due_date'],
  ['/tasks?limit=20&sort=-due_date'],
  ['/tasks?limit=20&due_from=2026-03-01&due_before=2026-03-08&sort=due_date'],
  ['/tasks?limit=20&completed_from=2026-01-01'],
  ['/tasks?limit=20&sort=-completed_at'],
  ['/tasks?limit=20&sort=-priority,title'],
  ['/tasks?limit=20&sort=-updated_at'],
  ['/tasks?limit=20&tag=t3,t4'],
  ['/tasks?limit=20&tag_all=t3,all'],
  ['/tasks?limit=20&is_blocked=true'],
  ['/tasks?limit=20&q=granite'],
  ['/tasks?limit=20&q=nowhere to be found'],
  ['/tasks?limit=20&q=granite&sort=relevance'],
  ['/tasks?limit=20&q=task&sort=relevance'],
  ['/tasks?limit=20&q="made of granite"'],
  ['/tasks?limit=20&q=made -granite'],
  ['/tasks?limit=20&trashed=true&sort=-deleted_at'],
  ['/tasks/{task}/subtasks?limit=20'],
  ['/tasks/{task}/dependencies?limit=20'],
  ['/tasks/{task}/time-entries?limit=20'],
  ['/tasks/{task}/history?limit=20'],
  ['/tasks/summary'],
  ['/tags?limit=200'],
  ['/goals/{goal}'],
  ['/goals?limit=20'],
  ['/goals?limit=20&status=active'],
  ['/goals?limit=20&horizon=weekly'],
  ['/goals?limit=20&sort=target_date'],
  ['/goals?limit=20&parent_goal_id={goal}'],
  ['/goals?limit=20&q=granite'],
  ['/goals/{goal}/tasks?limit=20'],
  ['/goals/{goal}/history?limit=20'],
  ['/goals/summary'],
  ['/goals/{root}/breakdown', { request: 200 }],
  ['/dashboard', { request: 100 }],
  ['/analytics/tasks?days=365'],
  ['/analytics/goals?days=365'],
  ['/analytics/velocity?days=30'],
  ['/analytics/velocity?days=365'],
  ['/analytics/trends?days=365'],
  ['/calendar.ics'],
];

/** Replaces placeholders such as `{task}`. */
export function pathFor(path: string, user: User): string {
  return path.replace(/\{(\w+)\}/g, (_match, name: keyof User) => user[name]);
}
