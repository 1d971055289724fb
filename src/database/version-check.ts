import { ownId, Precondition } from '../core/preconditions';
import { currentUser } from '../core/request-context';
import { control, Statement } from './statement';

/**
 * The statement that fails unless the row meets the condition. It finds no row that is missing or belongs to another user:
 * then the statements after it report that.
 * @param isLocking whether the row cannot be updated until the end of the transaction. Only accounts need that: writes of
 * owned rows are serialized.
 */
export function versionCheck(precondition: Precondition, isLocking: boolean): Statement {
  const { table, versions, otherVersions } = precondition;
  const parameters = {
    id: rowIdOf(precondition),
    user_id: currentUser().userId,
    versions,
    other_versions: otherVersions,
  };
  const [versionSql, rowSql] =
    table === 'users'
      ? [
          '(extract(epoch FROM updated_at) * 1000)::bigint',
          `users WHERE id = :id${isLocking ? ' FOR NO KEY UPDATE' : ''}`,
        ]
      : ['version', `${table} WHERE user_id = :user_id AND id = :id`];
  const text = `SELECT require_version(${versionSql}, :versions::bigint[], :other_versions::bigint[]) FROM ${rowSql}`;
  return control(text, parameters);
}

/** The id of the row of a precondition. */
export function rowIdOf({ id }: Precondition): string {
  return id === ownId ? currentUser().userId : id;
}
