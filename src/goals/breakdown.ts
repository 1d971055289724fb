import { JsonText } from '../core/json-text';
import type { GoalBreakdown } from './goal.dto';

/** A goal of a tree, with counts of the tasks right under it. */
export type GoalNode = Omit<GoalBreakdown, 'all_tasks' | 'contributions' | 'subgoals'> & {
  parent_goal_id: string | null;
};

/** What is known of a goal when those below it have been seen. */
interface Branch {
  all_tasks: GoalBreakdown['all_tasks'];
  subgoals: GoalNode[];
  /** The subgoals', one after the other. */
  json: string;
}

/**
 * The tree as JSON. Each goal's contributions say how its progress comes about, as the database computes it.
 * @param nodes the root first, and each goal before its subgoals
 */
export function breakdownOf(nodes: GoalNode[]): JsonText {
  const branches = new Map<string, Branch>(
    nodes.map(({ id, tasks }) => [id, { all_tasks: { ...tasks }, subgoals: [], json: '' }]),
  );
  let json = '';
  // From the leaves to the root, not by recursion: a tree may be deeper than a stack. The last of several comes first.
  for (const node of nodes.reverse()) {
    const { parent_goal_id, ...shown } = node;
    const { all_tasks, subgoals, json: inner } = branches.get(node.id)!;
    const contributions = contributionsTo(node, subgoals.reverse());
    json = `${JSON.stringify({ ...shown, all_tasks, contributions }).slice(0, -1)},"subgoals":[${inner}]}`;
    const above = branches.get(parent_goal_id ?? '');
    if (!above) continue;
    for (const count of ['total', 'completed', 'cancelled'] as const)
      above.all_tasks[count] += all_tasks[count];
    above.subgoals.push(node);
    // Not an array that is joined: that would copy all that lies below, once for each level.
    above.json = above.json ? `${json},${above.json}` : json;
  }
  return new JsonText(json);
}

function contributionsTo(
  { progress_mode, tasks: { total, completed } }: GoalNode,
  subgoals: GoalNode[],
): GoalBreakdown['contributions'] {
  if (progress_mode === 'manual') return [];
  const counted = subgoals.filter(({ progress, status }) => progress !== null && status !== 'cancelled');
  const half = total > 0 && counted.length > 0 ? 50 : 100;
  // Fractions of whole numbers: so halves are rounded as the database rounds them.
  const contribution = (percent: number, of: number, parts: number) => ({
    progress: ratio(percent, of),
    weight: ratio(half, parts),
    points: ratio(percent * half, of * parts * 100),
  });
  return [
    ...(total > 0 ? [{ from: 'tasks' as const, ...contribution(100 * completed, total, 1) }] : []),
    ...counted.map(({ id, progress }) => {
      const hundredths = Math.round(progress! * 100);
      return { from: 'subgoal' as const, id, ...contribution(hundredths, 100, counted.length) };
    }),
  ];
}

/** To two digits after the point. */
function ratio(numerator: number, denominator: number): number {
  return Math.round((100 * numerator) / denominator) / 100;
}
