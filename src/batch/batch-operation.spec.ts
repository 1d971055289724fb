import 'reflect-metadata';
import { Problem } from '../core/problem';
import { parseBatchOperation } from './batch-operation';
import { goalBatch } from '../goals/goal-batch.dto';
import { taskBatch } from '../tasks/task-batch.dto';
import { BatchBodies, operationNames } from './batch.dto';

const id = '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51';

/** The errors that the operation is refused with, as "field code". */
async function errorsOf(input: Record<string, unknown>, bodies: BatchBodies = taskBatch): Promise<string[]> {
  try {
    await parseBatchOperation(input, bodies);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).status).toBe(422);
    return (error as Problem).errors!.map(({ field, code }) => `${field} ${code}`);
  }
}

describe('parseBatchOperation', () => {
  it.each<[Record<string, unknown>, object]>([
    [
      { op: 'create', data: { title: ' Write ', status: 'Done' } },
      { op: 'create', id: undefined, data: { title: 'Write', status: 'completed' }, force: false },
    ],
    [
      { op: 'update', id, data: { due_date: null, priority: 'high' }, force: true },
      { op: 'update', id, data: { due_date: null, priority: 2 }, force: true },
    ],
    [
      { op: 'update', id, data: {} },
      { op: 'update', id, data: {}, force: false },
    ],
    [
      { op: 'complete', id },
      { op: 'complete', id, data: {}, force: false },
    ],
    [
      { op: 'complete', id, force: true },
      { op: 'complete', id, data: {}, force: true },
    ],
    [
      { op: 'complete', id, force: false },
      { op: 'complete', id, data: {}, force: false },
    ],
    [
      { op: 'reopen', id },
      { op: 'reopen', id, data: {}, force: false },
    ],
    [
      { op: 'delete', id },
      { op: 'delete', id, data: {}, force: false },
    ],
    [
      { op: 'restore', id: id.toUpperCase() },
      { op: 'restore', id: id.toUpperCase(), data: {}, force: false },
    ],
  ])('reads %j', async (input, expected) => {
    const { data, ...operation } = await parseBatchOperation(input, taskBatch);
    expect({ ...operation, data: { ...data } }).toEqual(expected);
  });

  it.each([
    undefined,
    null,
    '',
    'Create',
    'create ',
    'drop',
    'constructor',
    '__proto__',
    1,
    true,
    ['create'],
    {},
  ])('refuses the name %j, and no other member with it', async (op) => {
    expect(await errorsOf({ op, id: 'x', data: 1, nonsense: 1 })).toEqual(['op not_allowed']);
  });

  it('lists the names in the message', async () => {
    await expect(parseBatchOperation({}, taskBatch)).rejects.toMatchObject({
      errors: [{ message: 'must be one of create, update, complete, reopen, delete, restore' }],
    });
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{ op: 'create' }, ['data type']],
    [{ op: 'update' }, ['id invalid_id', 'data type']],
    [{ op: 'complete' }, ['id invalid_id']],
    [{ op: 'reopen' }, ['id invalid_id']],
    [{ op: 'delete' }, ['id invalid_id']],
    [{ op: 'restore' }, ['id invalid_id']],
  ])('requires the members of %j', async (input, expected) => {
    expect(await errorsOf(input)).toEqual(expected);
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{ op: 'create', data: { title: 'x' }, id }, ['id unknown_field']],
    [{ op: 'create', data: { title: 'x' }, id: null }, ['id unknown_field']],
    [{ op: 'create', data: { title: 'x' }, force: true }, ['force unknown_field']],
    [{ op: 'complete', id, data: {} }, ['data unknown_field']],
    [{ op: 'reopen', id, force: false }, ['force unknown_field']],
    [{ op: 'delete', id, data: {}, force: true }, ['data unknown_field', 'force unknown_field']],
    [{ op: 'restore', id, user_id: id }, ['user_id unknown_field']],
    [{ op: 'delete', id, permanent: true, version: 0 }, ['permanent unknown_field', 'version out_of_range']],
    [{ op: 'create', data: { title: 'x' }, version: 1 }, ['version unknown_field']],
    [{ op: 'update', id, data: { version: '1' } }, ['version out_of_range']],
  ])('refuses the members that %j does not accept', async (input, expected) => {
    expect(await errorsOf(input)).toEqual(expected);
  });

  it('accepts force only where the resource has it, and validates the data of the resource', async () => {
    expect(await errorsOf({ op: 'complete', id, force: true }, goalBatch)).toEqual(['force unknown_field']);
    expect(await errorsOf({ op: 'create', data: { title: 'x', horizon: 'weekly' } }, goalBatch)).toEqual([]);
    expect(await errorsOf({ op: 'update', id, data: { priority: 1 } }, goalBatch)).toEqual([
      'data.priority unknown_field',
    ]);
  });

  it.each(operationNames.filter((name) => name !== 'create'))(
    'refuses ids of %s that are not UUIDs',
    async (op) => {
      for (const wrong of ['', 'me', 1, null, [id], { id }, `${id}' OR true --`, id.replaceAll('-', '')]) {
        const errors = await errorsOf({ op, id: wrong, ...(op === 'update' && { data: {} }) });
        expect(errors).toEqual(['id invalid_id']);
      }
    },
  );

  it.each([null, 'true', 1, [], {}])('refuses force %j', async (force) => {
    expect(await errorsOf({ op: 'complete', id, force })).toEqual(['force type']);
  });

  it.each([null, [], [{ title: 'x' }], 'title', 1, true])('refuses the data %j', async (data) => {
    expect(await errorsOf({ op: 'create', data })).toEqual(['data type']);
    expect(await errorsOf({ op: 'update', id, data })).toEqual(['data type']);
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{ op: 'create', data: {} }, ['data.title required']],
    [{ op: 'create', data: { title: '\u200b' } }, ['data.title blank']],
    [{ op: 'create', data: { title: 'a\0' } }, ['data.title invalid_text']],
    [{ op: 'create', data: { title: 'x', user_id: id } }, ['data.user_id unknown_field']],
    [{ op: 'update', id, data: { title: null } }, ['data.title required']],
    [
      { op: 'update', id, data: { id, created_at: 'now' } },
      ['data.id unknown_field', 'data.created_at unknown_field'],
    ],
    [
      { op: 'update', id, data: { priority: 2147483648, due_date: '2026-02-30' } },
      ['data.priority not_allowed', 'data.due_date invalid_date'],
    ],
  ])('names the place of errors in the data of %j', async (input, expected) => {
    expect((await errorsOf(input)).sort()).toEqual(expected.sort());
  });

  it('validates the data only of an operation whose members are right', async () => {
    expect(await errorsOf({ op: 'update', id: 'x', data: { title: null } })).toEqual(['id invalid_id']);
  });
});
