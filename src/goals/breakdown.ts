import { setImmediate } from 'node:timers/promises';
import { JsonText } from '../core/json-text';
import type { GoalBreakdown } from './breakdown.dto';

/** Goals that are written without a pause. */
const goalsPerTurn = 500;

/** A goal of a tree, with counts of its direct tasks. */
export type GoalNode = Omit<
  GoalBreakdown,
  'all_tasks' | 'contributions' | 'subgoals' | 'omitted_subgoals'
> & {
  parent_goal_id: string | null;
  /** Whether its progress contributes to the progress of its parent. */
  counts_toward_parent: boolean;
};

/** Data about a goal that is collected from its subgoals. */
interface Branch {
  all_tasks: GoalBreakdown['all_tasks'];
  /** The subgoals that contribute to its progress. */
  subgoals: GoalNode[];
  /** The JSON of the subgoals, comma-separated. */
  json: string;
  omittedSubgoals: number;
}

/**
 * The tree as JSON. The contributions to each goal explain its progress, which the SQL function `progress_of` computes.
 * @param nodes each goal before its subgoals
 * @param limit how many goals are included. Further goals are omitted, but counted in their ancestors.
 */
export async function breakdownOf(nodes: GoalNode[], limit: number): Promise<JsonText> {
  const branches = new Map<string, Branch>(
    nodes.map(({ id, tasks }) => [
      id,
      { all_tasks: { ...tasks }, subgoals: [], json: '', omittedSubgoals: 0 },
    ]),
  );
  let json = '';
  // Without recursion, because a tree can be deeper than the stack. Siblings are visited in reverse order.
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index]!;
    // Other requests take turns with a large tree, which takes 100 ms in total.
    if ((index + 1) % goalsPerTurn === 0) await setImmediate();
    const { parent_goal_id: parentId, counts_toward_parent: countsTowardParent, ...fields } = node;
    const { all_tasks, subgoals, json: inner, omittedSubgoals } = branches.get(node.id)!;
    const isIncluded = index < limit;
    if (isIncluded) {
      const contributions = contributionsTo(node, subgoals.reverse());
      const values = { ...fields, all_tasks, contributions, omitted_subgoals: omittedSubgoals };
      json = `${JSON.stringify(values).slice(0, -1)},"subgoals":[${inner}]}`;
    }
    const parent = branches.get(parentId ?? '');
    if (!parent) continue;
    for (const count of ['total', 'completed', 'cancelled'] as const)
      parent.all_tasks[count] += all_tasks[count];
    if (countsTowardParent) parent.subgoals.push(node);
    // Joining an array instead would copy the whole subtree at each level.
    if (isIncluded) parent.json = parent.json ? `${json},${parent.json}` : json;
    else parent.omittedSubgoals++;
  }
  return new JsonText(json);
}

function contributionsTo(
  { progress_mode, tasks: { total, completed } }: GoalNode,
  subgoals: GoalNode[],
): GoalBreakdown['contributions'] {
  if (progress_mode === 'manual') return [];
  const weight = total > 0 && subgoals.length > 0 ? 50 : 100;
  // Computed with integers, so that halves are rounded as in the database.
  const contribution = (percent: number, denominator: number, parts: number) => ({
    progress: ratio(percent, denominator),
    weight: ratio(weight, parts),
    points: ratio(percent * weight, denominator * parts * 100),
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
