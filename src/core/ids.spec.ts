import { isId } from './ids';

describe('isId', () => {
  it.each([
    '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51',
    '0190C42E-7D3B-7C11-8F6E-2B6F4E0A9D51',
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ])('accepts %s', (value) => {
    expect(isId(value)).toBe(true);
  });

  // PostgreSQL accepts the first four of these as a uuid.
  it.each([
    '0190c42e7d3b7c118f6e2b6f4e0a9d51',
    '{0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51}',
    '0190-c42e-7d3b-7c11-8f6e-2b6f-4e0a-9d51',
    ' 0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51',
    '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51\n',
    '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51\0',
    'urn:uuid:0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51',
    '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d5',
    '0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d511',
    '0190c42g-7d3b-7c11-8f6e-2b6f4e0a9d51',
    '٠190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51',
    "0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51' OR '1'='1",
    '',
    'me',
  ])('refuses %j', (value) => {
    expect(isId(value)).toBe(false);
  });

  it.each([null, undefined, 0, 1e21, true, {}, ['0190c42e-7d3b-7c11-8f6e-2b6f4e0a9d51']])(
    'refuses %j: no string',
    (value) => {
      expect(isId(value)).toBe(false);
    },
  );
});
