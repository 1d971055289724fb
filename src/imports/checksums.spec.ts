import { canonicalJson, Checksums } from './checksums';

it('canonical JSON does not depend on the order of keys', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: 2 })).toBe('{"a":2,"b":[1,{"c":"x","d":null}]}');
});

it('checksums are the same for equal columns, and differences are named', () => {
  const checksums = new Checksums('tasks');
  checksums.add(1, { title: 'a', metrics: { x: 1, y: 2 } }, { title: 'a', metrics: { y: 2, x: 1 } });
  checksums.add(2, { title: 'b', metrics: null }, { title: 'B', metrics: null });
  checksums.add(3, { title: 'c', metrics: null }, undefined);
  expect(checksums.differences).toEqual(['tasks 2, title: "b" became "B"', 'tasks 3 is missing in Cairn']);
  expect(checksums.rowCount).toBe(3);
  const same = checksums.digests().map(({ column, expected, stored }) => [column, expected === stored]);
  expect(same).toEqual([
    ['title', false],
    ['metrics', true],
  ]);
});

it('names few of many differences, and counts all', () => {
  const checksums = new Checksums('tasks');
  for (let id = 1; id <= 100; id++) checksums.add(id, { title: 'a' }, { title: 'b' });
  expect(checksums.differences).toHaveLength(10);
  expect(checksums.differenceCount).toBe(100);
});
