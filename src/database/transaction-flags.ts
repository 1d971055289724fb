import { sql, Statement } from './statement';

/** Tells triggers why a statement runs, until the transaction ends. transaction-flags.sql describes the flags. */
type TransactionFlag =
  | 'ignore_open_dependencies'
  | 'restored_task_id'
  | 'trashed_at'
  | 'copying_tag_names'
  | 'deleting_account'
  | 'importing'
  | 'importing_history'
  | 'summing_hours'
  | 'recomputing_progress'
  | 'restored_goal_id';

export function setFlag(flag: TransactionFlag, value: string): Statement {
  return sql(`SELECT ${setFlagSql(flag, ':value')}`, { value });
}

/** For transactions with further statements, which the flag must not affect. */
export function clearFlag(flag: TransactionFlag): Statement {
  return setFlag(flag, '');
}

/** SQL that sets a flag to a value of the row. @param valueSql SQL of a text */
export function setFlagSql(flag: TransactionFlag, valueSql: string): string {
  return `set_transaction_flag('${flag}', ${valueSql})`;
}

/** SQL of the value of a flag; null if it is not set. */
export function flagSql(flag: TransactionFlag): string {
  return `transaction_flag('${flag}')`;
}
