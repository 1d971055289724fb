import { breakdownOf, GoalNode } from './breakdown';
import type { GoalBreakdown } from './breakdown.dto';

const counts = (total = 0, completed = 0, cancelled = 0) => ({ total, completed, cancelled });

/** A goal with the parent `parentId`, which it counts toward if it has a progress. */
function goal(id: string, parentId: string | null, values: Partial<GoalNode> = {}): GoalNode {
  return {
    id,
    title: `Goal ${id}`,
    horizon: null,
    target_date: null,
    status: 'active',
    progress: null,
    progress_mode: 'automatic',
    tasks: counts(),
    parent_goal_id: parentId,
    counts_toward_parent: typeof values.progress === 'number',
    ...values,
  } as GoalNode;
}

const parsed = async (nodes: GoalNode[], limit = Infinity) =>
  JSON.parse((await breakdownOf(nodes, limit)).text) as GoalBreakdown;

/** Contributions as "from progress × weight = points". */
const contributions = async (nodes: GoalNode[], limit = Infinity) =>
  (await parsed(nodes, limit)).contributions.map(
    ({ from, id, progress, weight, points }) =>
      `${from === 'tasks' ? 'tasks' : id} ${progress} × ${weight} = ${points}`,
  );

describe('breakdownOf', () => {
  it('returns a single goal, without the fields that only build the tree', async () => {
    expect(
      await parsed([goal('root', 'elsewhere', { title: '"]}\\ 🪨', target_date: '2026-12-31' })]),
    ).toEqual({
      id: 'root',
      title: '"]}\\ 🪨',
      horizon: null,
      target_date: '2026-12-31',
      status: 'active',
      progress: null,
      progress_mode: 'automatic',
      tasks: counts(),
      all_tasks: counts(),
      contributions: [],
      omitted_subgoals: 0,
      subgoals: [],
    });
  });

  it('adds up the tasks at every depth', async () => {
    const root = await parsed([
      goal('root', null, { tasks: counts(1, 1, 1) }),
      goal('a', 'root', { tasks: counts(10, 4, 2) }),
      goal('b', 'root', { tasks: counts(100, 40, 20), counts_toward_parent: false, status: 'cancelled' }),
      goal('a1', 'a', { tasks: counts(1000, 400, 200) }),
    ]);
    expect([root.tasks, root.all_tasks]).toEqual([counts(1, 1, 1), counts(1111, 445, 223)]);
    const [a, b] = root.subgoals;
    expect([a!.tasks, a!.all_tasks]).toEqual([counts(10, 4, 2), counts(1010, 404, 202)]);
    expect(b!.all_tasks).toEqual(counts(100, 40, 20));
    expect(a!.subgoals[0]!.all_tasks).toEqual(counts(1000, 400, 200));
  });

  it('keeps the order of siblings, in the tree and in the contributions', async () => {
    const root = await parsed([
      goal('root', null),
      goal('c', 'root', { progress: 1 }),
      goal('a', 'root', { progress: 2 }),
      goal('a2', 'a', { progress: 3 }),
      goal('b', 'root', { progress: 4 }),
      goal('a1', 'a', { progress: 5 }),
    ]);
    expect(root.subgoals.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
    expect(root.contributions.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
    expect(root.subgoals[1]!.subgoals.map(({ id }) => id)).toEqual(['a2', 'a1']);
  });

  it('accepts a level-by-level order', async () => {
    const nodes = [
      goal('root', null),
      goal('a', 'root'),
      goal('b', 'root'),
      goal('a1', 'a'),
      goal('b1', 'b'),
    ];
    expect(await parsed(nodes)).toMatchObject({
      subgoals: [
        { id: 'a', subgoals: [{ id: 'a1', subgoals: [] }] },
        { id: 'b', subgoals: [{ id: 'b1', subgoals: [] }] },
      ],
    });
  });

  it('lets other work run while it writes a large tree', async () => {
    let turns = 0;
    const takeTurns = () => setImmediate(() => ++turns < 100 && takeTurns());
    takeTurns();
    const root = goal('root', null);
    await breakdownOf([root, ...Array.from({ length: 9999 }, (_, n) => goal(String(n), 'root'))], 1000);
    expect(turns).toBeGreaterThanOrEqual(19); // 10,000 goals, 500 at a time
  });

  it('omits goals above the limit, and counts them and their tasks', async () => {
    const nodes = [
      goal('root', null, { progress: 0 }),
      goal('a', 'root', { progress: 10 }),
      goal('b', 'root', { progress: 20 }),
      goal('c', 'root', { progress: 60, tasks: counts(3, 2, 1) }),
      goal('a1', 'a', { progress: 0 }),
      goal('c1', 'c', { progress: 0, tasks: counts(10, 1) }),
      goal('c2', 'c1', { progress: 0, tasks: counts(100, 1) }),
    ];
    const root = await parsed(nodes, 3);
    expect(root.subgoals.map(({ id, subgoals }) => [id, subgoals])).toEqual([
      ['a', []],
      ['b', []],
    ]);
    expect([root, ...root.subgoals].map((one) => one.omitted_subgoals)).toEqual([1, 1, 0]);
    expect(root.all_tasks).toEqual(counts(113, 4, 1));
    expect(await contributions(nodes, 3)).toEqual([
      'a 10 × 33.33 = 3.33',
      'b 20 × 33.33 = 6.67',
      'c 60 × 33.33 = 20',
    ]);
    expect((await parsed(nodes, 4)).subgoals[2]).toMatchObject({
      id: 'c',
      all_tasks: counts(113, 4, 1),
      omitted_subgoals: 1,
      subgoals: [],
    });
    expect(await parsed(nodes, nodes.length)).toEqual(await parsed(nodes));
  });

  it('builds a tree of 20,000 levels', async () => {
    const depth = 20_000;
    const nodes = Array.from({ length: depth }, (_, level) =>
      goal(`g${level}`, level === 0 ? null : `g${level - 1}`, { tasks: counts(2, 1), progress: 50 }),
    );
    const root = await parsed(nodes);
    expect(root.all_tasks).toEqual(counts(2 * depth, depth));
    let node = root;
    let level = 1;
    for (; node.subgoals.length > 0; level++) node = node.subgoals[0]!;
    expect([level, node.id, node.all_tasks]).toEqual([depth, `g${depth - 1}`, counts(2, 1)]);
  });

  it('builds a tree with 20,000 subgoals of one goal', async () => {
    const width = 20_000;
    const subgoals = Array.from({ length: width }, (_, index) =>
      goal(`g${index}`, 'root', { tasks: counts(1), progress: 0 }),
    );
    const root = await parsed([goal('root', null), ...subgoals]);
    expect([root.subgoals.length, root.contributions.length]).toEqual([width, width]);
    expect([root.subgoals[0]!.id, root.subgoals.at(-1)!.id]).toEqual(['g0', `g${width - 1}`]);
    expect(root.all_tasks).toEqual(counts(width));
  });
});

describe('the contributions', () => {
  it.each<[string, GoalNode[], string[]]>([
    ['are none without tasks and subgoals', [goal('root', null)], []],
    [
      'are the tasks alone without subgoals',
      [goal('root', null, { tasks: counts(3, 1) })],
      ['tasks 33.33 × 100 = 33.33'],
    ],
    [
      'are the tasks alone where no subgoal counts',
      [goal('root', null, { tasks: counts(4, 4) }), goal('a', 'root')],
      ['tasks 100 × 100 = 100'],
    ],
    [
      'are the subgoals alone without tasks',
      [
        goal('root', null, { tasks: counts(0, 0, 5) }), // cancelled tasks do not count
        goal('a', 'root', { progress: 100 }),
        goal('b', 'root', { progress: 0 }),
        goal('c', 'root', { progress: 50 }),
      ],
      ['a 100 × 33.33 = 33.33', 'b 0 × 33.33 = 0', 'c 50 × 33.33 = 16.67'],
    ],
    [
      'are half tasks and half subgoals with both',
      [
        goal('root', null, { tasks: counts(3, 2) }),
        goal('a', 'root', { progress: 66.67 }),
        goal('b', 'root', { progress: 12.34 }),
      ],
      ['tasks 66.67 × 50 = 33.33', 'a 66.67 × 25 = 16.67', 'b 12.34 × 25 = 3.09'],
    ],
    [
      'leave out subgoals that do not count, however far they are',
      [
        goal('root', null),
        goal('a', 'root', { progress: 90, counts_toward_parent: false }),
        goal('b', 'root', { progress: 10 }),
      ],
      ['b 10 × 100 = 10'],
    ],
    [
      'leave out subgoals of subgoals',
      [goal('root', null), goal('a', 'root', { progress: 25 }), goal('a1', 'a', { progress: 75 })],
      ['a 25 × 100 = 25'],
    ],
    [
      'are none of a goal whose progress is set manually',
      [
        goal('root', null, { progress_mode: 'manual', progress: 5, tasks: counts(2, 1) }),
        goal('a', 'root', { progress: 10 }),
      ],
      [],
    ],
    [
      'round halves up: 1 of 800 tasks is 0.125 percent',
      [goal('root', null, { tasks: counts(800, 1) })],
      ['tasks 0.13 × 100 = 0.13'],
    ],
    [
      'round a half that binary fractions miss: half of 2.01 is 1.005',
      [goal('root', null), goal('a', 'root', { progress: 2.01 }), goal('b', 'root', { progress: 0 })],
      ['a 2.01 × 50 = 1.01', 'b 0 × 50 = 0'],
    ],
    [
      'read the hundredths of a progress exactly',
      [goal('root', null), goal('a', 'root', { progress: 0.29 })],
      ['a 0.29 × 100 = 0.29'],
    ],
    [
      'have points of the exact progress, not of the rounded one',
      [goal('root', null, { tasks: counts(3, 1) }), goal('a', 'root', { progress: 0 })],
      ['tasks 33.33 × 50 = 16.67', 'a 0 × 50 = 0'],
    ],
  ])('%s', async (_title, nodes, expected) => {
    expect(await contributions(nodes)).toEqual(expected);
  });
});
