import { linkParents, linkWithoutCycles } from './links';

const mapOf = <Value>(object: Record<string, Value>) => new Map(Object.entries(object));

describe('linkParents', () => {
  it('orders parents before their children', () => {
    const { parents, cut } = linkParents(mapOf({}), mapOf({ c: 'b', b: 'a', a: null }), 20);
    expect([...parents]).toEqual([
      ['a', null],
      ['b', 'a'],
      ['c', 'b'],
    ]);
    expect(cut).toEqual([]);
  });

  it('unlinks one goal of a cycle, and keeps what is below it', () => {
    const { parents, cut } = linkParents(mapOf({}), mapOf({ a: 'b', b: 'c', c: 'a', d: 'c' }), 20);
    expect(cut).toHaveLength(1);
    expect(cut[0]).toEqual({ from: 'c', to: 'a', rule: 'cycle' });
    expect(Object.fromEntries(parents)).toEqual({ a: 'b', b: 'c', c: null, d: 'c' });
  });

  it('unlinks a goal that is its own parent', () => {
    expect(linkParents(mapOf({}), mapOf({ a: 'a' }), 20).cut).toEqual([
      { from: 'a', to: 'a', rule: 'cycle' },
    ]);
  });

  it('unlinks goals below the allowed depth', () => {
    const { parents, cut } = linkParents(mapOf({}), mapOf({ a: null, b: 'a', c: 'b', d: 'c' }), 2);
    expect(cut).toEqual([{ from: 'c', to: 'b', rule: 'depth' }]);
    expect(Object.fromEntries(parents)).toEqual({ a: null, b: 'a', c: null, d: 'c' });
  });

  it('does not change the links that exist in Cairn', () => {
    const { parents, cut } = linkParents(mapOf({ a: 'b', x: 'y', y: null }), mapOf({ b: 'a', c: 'x' }), 3);
    expect(cut).toEqual([{ from: 'b', to: 'a', rule: 'cycle' }]);
    expect(Object.fromEntries(parents)).toEqual({ b: null, c: 'x' });
    expect(linkParents(mapOf({ x: 'y', y: null }), mapOf({ c: 'x' }), 2).cut).toEqual([
      { from: 'c', to: 'x', rule: 'depth' },
    ]);
  });

  it('handles a chain of 10,000 goals', () => {
    const chain = new Map(Array.from({ length: 10_000 }, (_, n) => [`g${n}`, n ? `g${n - 1}` : null]));
    const { parents, cut } = linkParents(new Map(), chain, 20);
    expect(cut).toHaveLength(499);
    expect(parents.get('g20')).toBeNull();
    expect(parents.get('g21')).toBe('g20');
  });
});

describe('linkWithoutCycles', () => {
  it('orders the links to a task before the links from it', () => {
    const { links, cut } = linkWithoutCycles(mapOf({}), mapOf({ b: ['a'], c: ['b', 'a'] }));
    expect(links).toEqual([
      ['c', 'b'],
      ['c', 'a'],
      ['b', 'a'],
    ]);
    expect(cut).toEqual([]);
  });

  it('removes the link that closes a cycle', () => {
    const { links, cut } = linkWithoutCycles(mapOf({}), mapOf({ a: ['b'], b: ['c'], c: ['a', 'd'] }));
    expect(cut).toEqual([{ from: 'c', to: 'a', rule: 'cycle' }]);
    expect(links).toEqual([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
    ]);
  });

  it('removes a link of a task to itself', () => {
    expect(linkWithoutCycles(mapOf({}), mapOf({ a: ['a'] }))).toEqual({
      links: [],
      cut: [{ from: 'a', to: 'a', rule: 'cycle' }],
    });
  });

  it('keeps the links that exist in Cairn', () => {
    const existing = mapOf({ a: ['b'], b: ['c'] });
    expect(linkWithoutCycles(existing, mapOf({ c: ['a', 'x'] }))).toEqual({
      links: [['c', 'x']],
      cut: [{ from: 'c', to: 'a', rule: 'cycle' }],
    });
    const throughExisting = linkWithoutCycles(mapOf({ a: ['b'] }), mapOf({ x: ['a'], b: ['x'] }));
    expect(throughExisting.cut).toHaveLength(1);
    expect(throughExisting.links).toHaveLength(1);
  });

  it('handles a chain of 100,000 tasks', () => {
    const chain = new Map(Array.from({ length: 100_000 }, (_, n) => [`t${n}`, n ? [`t${n - 1}`] : []]));
    const { links, cut } = linkWithoutCycles(new Map(), chain);
    expect(links).toHaveLength(99_999);
    expect(links[0]).toEqual(['t99999', 't99998']);
    expect(cut).toEqual([]);
  });
});
