import { JsonText } from '../http/json-text';
import type { GoalBreakdown } from './goal.dto';

/** A goal of a tree, with counts of the tasks right under it. */
export type GoalNode = Omit<GoalBreakdown, 'all_tasks' | 'contributions' | 'subgoals'> & {
  parent_goal_id: string | null;
};

type Branch = Pick<GoalBreakdown, 'all_tasks'> & { subgoals: GoalNode[]; json: string[] };

/**
 * The tree as JSON. Each goal's contributions say how its progress comes about, as the database computes it.
 * @param nodes the root first, and each goal before its subgoals
 */
export function breakdownOf(nodes: GoalNode[]): JsonText {
  const branches = new Map<string, Branch>(
    nodes.map(({ id, tasks }) => [id, { all_tasks: { ...tasks }, subgoals: [], json: [] }]),
  );
  let json = '';
  // From the leaves to the root, not by recursion: a tree may be deeper than a stack.
  for (const node of nodes.reverse()) {
    const { parent_goal_id, ...shown } = node;
    const { all_tasks, subgoals, json: inner } = branches.get(node.id)!;
    const rest = JSON.stringify({
      ...shown,
      all_tasks,
      contributions: contributionsTo(node, subgoals.reverse()),
    });
    json = `${rest.slice(0, -1)},"subgoals":[${inner.reverse().join(',')}]}`;
    const above = branches.get(parent_goal_id ?? '');
    if (!above) continue;
    for (const count of ['total', 'completed', 'cancelled'] as const)
      above.all_tasks[count] += all_tasks[count];
    above.subgoals.push(node);
    above.json.push(json);
  }
  return new JsonText(json);
}

function contributionsTo(
  { progress_mode, tasks }: GoalNode,
  subgoals: GoalNode[],
): GoalBreakdown['contributions'] {
  if (progress_mode === 'manual') return [];
  const counted = subgoals.filter(({ progress, status }) => progress !== null && status !== 'cancelled');
  const half = tasks.total > 0 && counted.length > 0 ? 50 : 100;
  return [
    ...(tasks.total > 0
      ? [contribution({ from: 'tasks' }, (100 * tasks.completed) / tasks.total, half)]
      : []),
    ...counted.map(({ id, progress }) =>
      contribution({ from: 'subgoal', id }, progress!, half / counted.length),
    ),
  ];
}

function contribution(from: { from: 'tasks' | 'subgoal'; id?: string }, progress: number, weight: number) {
  return {
    ...from,
    progress: rounded(progress),
    weight: rounded(weight),
    points: rounded((progress * weight) / 100),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
