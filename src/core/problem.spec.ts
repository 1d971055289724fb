import { forbidden, invalid, notFound, Problem, sessionEnded, unavailable, unknownField } from './problem';

describe('Problem', () => {
  it('is an error with the detail as its message', () => {
    const problem = new Problem(409, 'cycle', 'Choose another parent.');
    expect(problem).toBeInstanceOf(Error);
    expect(problem.message).toBe('Choose another parent.');
    expect(problem).toMatchObject({ status: 409, code: 'cycle', errors: undefined, headers: {} });
  });

  it.each([
    [404, 'Not Found'],
    [422, 'Unprocessable Entity'],
    [499, 'Error'],
  ])('with status %d has the title %s', (status, title) => {
    expect(new Problem(status, 'code', 'detail').title).toBe(title);
  });
});

describe('invalid', () => {
  it('names all fields in the detail and lists their errors', () => {
    const errors = [
      { field: 'title', code: 'blank' as const, message: 'must contain at least one visible character' },
      unknownField('user_id'),
    ];
    expect(invalid(errors)).toMatchObject({
      status: 422,
      code: 'validation_failed',
      detail: 'The request is invalid: title, user_id. See errors for details.',
      errors: [
        { field: 'title', code: 'blank', message: 'must contain at least one visible character' },
        { field: 'user_id', code: 'unknown_field', message: 'is unknown or read-only' },
      ],
    });
  });

  it('calls the whole body "body" in the detail, and has an empty field name for it', () => {
    const problem = invalid([
      { field: '', code: 'type', message: 'The request body must be a JSON object.' },
    ]);
    expect(problem.detail).toBe('The request is invalid: body. See errors for details.');
    expect(problem.errors).toMatchObject([{ field: '' }]);
  });

  it('replaces lone surrogates in field names, and does not change its argument', () => {
    const error = unknownField('a\ud800b');
    const problem = invalid([error]);
    expect(problem.errors).toMatchObject([{ field: 'a\ufffdb' }]);
    expect(problem.detail).toBe('The request is invalid: a\ufffdb. See errors for details.');
    expect(error.field).toBe('a\ud800b');
  });
});

describe('the other problems', () => {
  it.each<[Problem, number, string, Record<string, string>]>([
    [notFound('task'), 404, 'not_found', {}],
    [sessionEnded(), 401, 'unauthorized', { 'www-authenticate': 'Bearer realm="cairn"' }],
    [forbidden('not_yours', 'detail'), 403, 'not_yours', {}],
    [unavailable('detail'), 503, 'unavailable', { 'retry-after': '1' }],
    [unavailable('detail', 30), 503, 'unavailable', { 'retry-after': '30' }],
  ])('%s has status %d, code %s and its headers', (problem, status, code, headers) => {
    expect([problem.status, problem.code, { ...problem.headers }]).toEqual([status, code, headers]);
  });
});
