/** A link that cannot be kept, and why. */
export interface CutLink {
  from: string;
  to: string;
  rule: 'cycle' | 'depth';
}

/**
 * Chooses the links to parents that an import can set, so that there is no cycle and no row is deeper than allowed.
 * @param existing the parents that stay, which have neither
 * @param wanted the parents that the import would set
 * @returns the parents that it sets, in an order in which parents come before their children, and the others
 */
export function linkParents(
  existing: ReadonlyMap<string, string | null>,
  wanted: ReadonlyMap<string, string | null>,
  maxDepth: number,
): { parents: Map<string, string | null>; cut: CutLink[] } {
  const parents = new Map([...existing, ...wanted]);
  const cut: CutLink[] = [];
  const unlink = (from: string, rule: CutLink['rule']) => {
    cut.push({ from, to: parents.get(from)!, rule });
    parents.set(from, null);
  };
  /** The number of levels down to the row. */
  const depths = new Map<string, number>();
  /** @returns the rows from this one up to the first whose depth is known; a cycle is unlinked */
  const pathOf = (id: string): string[] => {
    const path = new Set<string>();
    for (
      let current: string | null | undefined = id;
      current && !depths.has(current);
      current = parents.get(current)
    ) {
      if (path.has(current)) {
        const cycle = [...path].slice([...path].indexOf(current));
        unlink(
          cycle.findLast((member) => wanted.get(member))!,
          'cycle',
        );
        return pathOf(id);
      }
      path.add(current);
    }
    return [...path];
  };
  for (const id of wanted.keys()) {
    const path = pathOf(id).reverse();
    for (const member of path) {
      const parent = parents.get(member);
      const depth = parent ? (depths.get(parent) ?? 0) + 1 : 1;
      if (depth > maxDepth && wanted.get(member)) unlink(member, 'depth');
      depths.set(member, parents.get(member) ? depth : 1);
    }
  }
  const ordered = [...wanted.keys()].sort((a, b) => depths.get(a)! - depths.get(b)!);
  return { parents: new Map(ordered.map((id) => [id, parents.get(id) ?? null])), cut };
}

/**
 * Removes links so that no cycle remains.
 * @param existing the links that stay, which form no cycle
 * @param wanted the links that the import would create
 * @returns the links that it creates, in an order in which all links to a row come before the links from it, and the others
 */
export function linkWithoutCycles(
  existing: ReadonlyMap<string, readonly string[]>,
  wanted: ReadonlyMap<string, readonly string[]>,
): { links: [from: string, to: string][]; cut: CutLink[] } {
  const kept = new Map([...wanted].map(([from, targets]) => [from, new Set(targets)]));
  const cut: CutLink[] = [];
  const unlink = (from: string, to: string) => {
    kept.get(from)!.delete(to);
    cut.push({ from, to, rule: 'cycle' });
  };
  let order: string[] | undefined;
  while (!order) order = depthFirst();
  const links = order
    .reverse()
    .flatMap((from) => [...(kept.get(from) ?? [])].map((to): [string, string] => [from, to]));
  return { links, cut };

  /** @returns all rows, targets first; undefined if it has found a cycle that an existing link closes, and unlinked it */
  function depthFirst(): string[] | undefined {
    const state = new Map<string, 'open' | 'done'>();
    const finished: string[] = [];
    for (const root of kept.keys()) {
      if (state.has(root)) continue;
      state.set(root, 'open');
      const stack = [{ id: root, targets: targetsOf(root) }];
      for (let top = stack.at(-1); top; top = stack.at(-1)) {
        const to = top.targets.pop();
        if (to === undefined) {
          state.set(top.id, 'done');
          finished.push(top.id);
          stack.pop();
        } else if (state.get(to) === 'open') {
          if (kept.get(top.id)?.has(to)) {
            unlink(top.id, to);
            continue;
          }
          const ids = stack.map(({ id }) => id);
          const last = ids.findLastIndex(
            (id, index) => index > ids.indexOf(to) && kept.get(ids[index - 1]!)?.has(id),
          );
          unlink(ids[last - 1]!, ids[last]!);
          return undefined;
        } else if (!state.has(to)) {
          state.set(to, 'open');
          stack.push({ id: to, targets: targetsOf(to) });
        }
      }
    }
    return finished;
  }

  function targetsOf(id: string): string[] {
    return [...(kept.get(id) ?? []), ...(existing.get(id) ?? [])].reverse();
  }
}
