import { Problem } from './problem';
import { ProblemKind, problemKindOf, problemKindOfConstraint } from './problem-kind';

const nameTaken = new ProblemKind(409, 'spec_name_taken', 'The name is taken.', 'spec_name_key');
const locked = new ProblemKind(403, 'spec_locked', 'The resource is locked.');

describe('create', () => {
  it('creates a problem with the declared detail', () => {
    const problem = nameTaken.create();
    expect(problem).toBeInstanceOf(Problem);
    expect(problem).toMatchObject({ status: 409, code: 'spec_name_taken', detail: 'The name is taken.' });
  });

  it('prefers its own detail', () => {
    expect(locked.create('Locked until tomorrow.')).toMatchObject({
      status: 403,
      code: 'spec_locked',
      detail: 'Locked until tomorrow.',
    });
  });

  it('creates a new error each time, with the stack of the place that throws it', () => {
    expect(locked.create()).not.toBe(locked.create());
  });
});

describe('the declared problems', () => {
  it('are found by their codes', () => {
    expect([problemKindOf('spec_name_taken'), problemKindOf('spec_locked')]).toEqual([nameTaken, locked]);
  });

  it('are found by their constraints', () => {
    expect(problemKindOfConstraint('spec_name_key')).toBe(nameTaken);
  });

  it.each(['', 'undefined', 'constructor', '__proto__', 'spec_name_key'])(
    'have none with the code %j',
    (code) => {
      expect(problemKindOf(code)).toBeUndefined();
    },
  );

  it.each(['', 'undefined', 'constructor', '__proto__', 'spec_locked'])(
    'have none for the constraint %j',
    (constraint) => {
      expect(problemKindOfConstraint(constraint)).toBeUndefined();
    },
  );
});
