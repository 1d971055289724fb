import { isId } from '../core/ids';
import { FieldError, invalid, unknownField } from '../core/problem';
import { isVersion, takeVersion, versionRule } from '../http/conditional-requests';
import { validate } from '../http/validation';
import { BatchBodies, OperationName, operationNames } from './batch.dto';

/** A well-formed operation. It can still fail when it runs. */
export interface BatchOperation {
  op: OperationName;
  id: string;
  data: object;
  force: boolean;
  /** The version that the task must have. */
  version?: number;
}

const memberNames = ['id', 'data', 'force', 'version'] as const;

/** The members that each operation accepts besides its name. */
const membersOf: Record<OperationName, readonly (typeof memberNames)[number][]> = {
  create: ['data'],
  update: ['id', 'data', 'force', 'version'],
  complete: ['id', 'force', 'version'],
  reopen: ['id', 'version'],
  delete: ['id', 'version'],
  restore: ['id', 'version'],
};

/** @throws Problem 422 */
export async function parseBatchOperation(
  input: Record<string, unknown>,
  { Create, Patch, acceptsForce }: BatchBodies,
): Promise<BatchOperation> {
  const { op, id, data, force, version, ...others } = input;
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
  if (version !== undefined && !isVersion(version)) {
    errors.push({ field: 'version', ...versionRule });
  }
  if (accepted.includes('data') && (typeof data !== 'object' || data === null || Array.isArray(data))) {
    errors.push({ field: 'data', code: 'type', message: 'must be a JSON object' });
  }
  if (errors.length) throw invalid(errors);
  const fields = { ...(data as object) };
  const required = version ?? (name === 'update' ? takeVersion(fields) : undefined);
  const values = accepted.includes('data')
    ? await validate(name === 'create' ? Create : Patch, fields, 'data')
    : {};
  return {
    op: name,
    id: id as string,
    data: values,
    force: force === true,
    version: required as number | undefined,
  };
}
