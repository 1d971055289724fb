import { isId } from '../core/ids';
import { FieldError, invalid, unknownField } from '../core/problem';
import { validate } from '../http/validation';
import { BatchBodies, OperationName, operationNames } from './batch.dto';

/** A well-formed operation. It can still fail when it runs. */
export interface BatchOperation {
  op: OperationName;
  id: string;
  data: object;
  force: boolean;
}

const memberNames = ['id', 'data', 'force'] as const;

/** The members that each operation accepts besides its name. */
const membersOf: Record<OperationName, readonly (typeof memberNames)[number][]> = {
  create: ['data'],
  update: ['id', 'data', 'force'],
  complete: ['id', 'force'],
  reopen: ['id'],
  delete: ['id'],
  restore: ['id'],
};

/** @throws Problem 422 */
export async function parseBatchOperation(
  input: Record<string, unknown>,
  { Create, Patch, acceptsForce }: BatchBodies,
): Promise<BatchOperation> {
  const { op, id, data, force, ...others } = input;
  const name = operationNames.find((known) => known === op);
  if (!name) {
    const message = `must be one of ${operationNames.join(', ')}`;
    throw invalid([{ field: 'op', code: 'not_allowed', message }]);
  }
  const accepted = membersOf[name].filter((member) => acceptsForce || member !== 'force');
  const notAccepted = memberNames.filter(
    (member) => input[member] !== undefined && !accepted.includes(member),
  );
  const errors: FieldError[] = [...Object.keys(others), ...notAccepted].map(unknownField);
  if (accepted.includes('id') && !isId(id)) {
    errors.push({ field: 'id', code: 'invalid_id', message: 'must be a UUID' });
  }
  if (force !== undefined && typeof force !== 'boolean') {
    errors.push({ field: 'force', code: 'type', message: 'must be true or false' });
  }
  if (accepted.includes('data') && (typeof data !== 'object' || data === null || Array.isArray(data))) {
    errors.push({ field: 'data', code: 'type', message: 'must be a JSON object' });
  }
  if (errors.length) throw invalid(errors);
  const values = accepted.includes('data')
    ? await validate(name === 'create' ? Create : Patch, data as object, 'data')
    : {};
  return { op: name, id: id as string, data: values, force: force === true };
}
