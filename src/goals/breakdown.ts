import { JsonText } from '../core/json-text';
import type { GoalBreakdown } from './goal.dto';

/** A goal of a tree, with counts of its own tasks. */
export type GoalNode = Omit<GoalBreakdown, 'all_tasks' | 'contributions' | 'subgoals'> & {
  parent_goal_id: string | null;
  /** Whether it has a progress that its parent's progress takes into account. */
  counts_toward_parent: boolean;
};

/** What has been collected for a goal while its subgoals were visited. */
interface Branch {
  all_tasks: GoalBreakdown['all_tasks'];
  /** The subgoals that count toward its progress. */
  subgoals: GoalNode[];
  /** The JSON of the subgoals, comma-separated. */
  json: string;
}

/**
 * The tree as JSON. The contributions of each goal explain its progress, which the SQL function `progress_of` computes.
 * @param nodes the root first, and each goal before its subgoals
 */
export function breakdownOf(nodes: GoalNode[]): JsonText {
  const branches = new Map<string, Branch>(
    nodes.map(({ id, tasks }) => [id, { all_tasks: { ...tasks }, subgoals: [], json: '' }]),
  );
  let json = '';
  // From the leaves to the root, without recursion: a tree can be deeper than the stack. Siblings come in reverse order.
  for (const node of nodes.reverse()) {
    const { parent_goal_id: parentId, counts_toward_parent: countsTowardParent, ...fields } = node;
    const { all_tasks, subgoals, json: inner } = branches.get(node.id)!;
    const contributions = contributionsTo(node, subgoals.reverse());
    json = `${JSON.stringify({ ...fields, all_tasks, contributions }).slice(0, -1)},"subgoals":[${inner}]}`;
    const parent = branches.get(parentId ?? '');
    if (!parent) continue;
    for (const count of ['total', 'completed', 'cancelled'] as const)
      parent.all_tasks[count] += all_tasks[count];
    if (countsTowardParent) parent.subgoals.push(node);
    // Not an array to be joined: that would copy the whole subtree once per level.
    parent.json = parent.json ? `${json},${parent.json}` : json;
  }
  return new JsonText(json);
}

function contributionsTo(
  { progress_mode, tasks: { total, completed } }: GoalNode,
  subgoals: GoalNode[],
): GoalBreakdown['contributions'] {
  if (progress_mode === 'manual') return [];
  const half = total > 0 && subgoals.length > 0 ? 50 : 100;
  // Fractions of whole numbers, so that halves are rounded as the database rounds them.
  const contribution = (percent: number, of: number, parts: number) => ({
    progress: ratio(percent, of),
    weight: ratio(half, parts),
    points: ratio(percent * half, of * parts * 100),
  });
  return [
    ...(total > 0 ? [{ from: 'tasks' as const, ...contribution(100 * completed, total, 1) }] : []),
    ...subgoals.map(({ id, progress }) => {
      const hundredths = Math.round(progress! * 100);
      return { from: 'subgoal' as const, id, ...contribution(hundredths, 100, subgoals.length) };
    }),
  ];
}

/** Rounded to two decimal places. */
function ratio(numerator: number, denominator: number): number {
  return Math.round((100 * numerator) / denominator) / 100;
}
